import { readFile } from 'node:fs/promises';
import { DeviceLostError, ImageError } from '@fusor/errors';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { OverloadedError } from './batcher.ts';
import type { Classifier } from './classifier.ts';
import type { Metrics } from './metrics.ts';

/** A request was not answered in time. */
class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** What the HTTP side needs to know; see `Config`. */
export interface ServerOptions {
  readonly classifier: Classifier;
  readonly metrics: (state: { pending: () => number; waiting: () => number }) => Metrics;
  readonly maxPending: number;
  readonly maxBytes: number;
  readonly timeout: number;
  readonly logger?: boolean;
}

const PAGE = new URL('../page.html', import.meta.url);
const POLICY =
  "default-src 'none'; img-src blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

/**
 * The routes:
 * - `POST /classify`, the bytes of an image as body: `{ predictions: [{ label, index, probability }] }`
 * - `GET /health/live`, `GET /health/ready`, `GET /metrics` (Prometheus), `GET /` (a page to drop a picture on)
 *
 * Errors are `{ error: { code, message } }`: 413 too many bytes, 415 no image type, 422 no readable image, 429 too many
 * requests under way, 503 shutting down or out of time.
 */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { classifier, maxPending, timeout } = options;
  const server = Fastify({
    logger: options.logger ?? false,
    bodyLimit: options.maxBytes,
    // A client that sends its image a byte at a time holds a place no longer than others.
    requestTimeout: timeout,
    connectionTimeout: 2 * timeout,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  });
  let pending = 0;
  let lost = false;
  let closing = false;
  const metrics = options.metrics({ pending: () => pending, waiting: () => classifier.waiting });
  const page = await readFile(PAGE, 'utf8');

  server.addContentTypeParser(
    /^(?:image\/|application\/octet-stream)/,
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );

  // Answers that go out while the server closes take their connections along, which would keep it open else.
  server.addHook('preClose', async () => {
    closing = true;
  });
  server.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });

  server.setErrorHandler((error, _request, reply) => refuse(reply, error));
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'POST an image to /classify' } }),
  );

  server.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(page),
  );
  server.get('/health/live', (_request, reply) => reply.code(lost ? 503 : 200).send({ live: !lost }));
  server.get('/health/ready', (_request, reply) => {
    const ready = !lost && !closing;
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  // Counted before the body is read, so that a flood of uploads costs no memory.
  const counted = new WeakSet<FastifyRequest>();
  server.post('/classify', {
    onRequest: async (request, reply) => {
      if (pending >= maxPending) throw new OverloadedError(`${pending} requests are under way`);
      counted.add(request);
      pending += 1;
      // Ends with the answer or with the connection, whichever comes first.
      reply.raw.once('close', () => {
        pending -= 1;
      });
    },
    onResponse: async (request, reply) => {
      metrics.requests.inc({ status: reply.statusCode });
      if (counted.has(request)) metrics.duration.observe(reply.elapsedTime / 1000);
    },
    handler: async (request, reply) => {
      if (!Buffer.isBuffer(request.body) || request.body.length === 0) {
        throw new ImageError('the body is empty: send the bytes of an image');
      }
      const stop = new AbortController();
      reply.raw.once('close', () => stop.abort(new Error('the client went away')));
      // Not AbortSignal.timeout, which would hold on to the image until the time is over.
      const timer = setTimeout(() => stop.abort(new TimeoutError('the image waited too long')), timeout);
      try {
        return { predictions: await classifier.classify(request.body, stop.signal) };
      } catch (error) {
        if (error instanceof DeviceLostError) lost = true; // live turns false: whoever watches starts us anew
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  });

  return server;
}

/** Answers with what went wrong; what is not the client's fault says no more than that. */
function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, code, message } = explain(error);
  if (status === 429 || status === 503) reply.header('retry-after', '1');
  if (status === 500) reply.log.error(error);
  return reply.code(status).send({ error: { code, message } });
}

function explain(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof OverloadedError) return { status: 429, code: 'OVERLOADED', message: error.message };
  if (error instanceof ImageError) return { status: 422, code: error.code, message: error.message };
  if (error instanceof TimeoutError) return { status: 503, code: 'TIMEOUT', message: error.message };
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: code ?? 'BAD_REQUEST', message: message ?? 'bad request' };
  }
  return { status: 500, code: 'INTERNAL', message: 'internal error' };
}
