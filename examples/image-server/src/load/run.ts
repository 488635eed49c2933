// Puts a server under load and says what became of every request: how long answers take at 80% of what it can do, what
// happens at ten times that, and whether its memory stays flat while some of the requests are hostile.

import { setTimeout } from 'node:timers/promises';
import type { ModelEntry, Prediction } from '@fusor/resnet';
import { type Answer, Client } from './client.ts';
import { type Hostile, makeHostile, makeSamples, matches, type Sample } from './images.ts';
import { ServerProcess } from './server-process.ts';

export interface LoadOptions {
  readonly model: ModelEntry;
  readonly weights: string;
  /** Requests of the last stage, which watches the memory. */
  readonly requests: number;
  /** Seconds of each of the other stages. */
  readonly seconds: number;
  readonly maxPending?: number;
}

/** What became of the requests of a stage. */
export interface Stage {
  readonly requests: number;
  /** Answered 200 with the right classes. */
  readonly right: number;
  /** Answered 200 with another image's classes. */
  readonly wrong: number;
  /** Answered 429. */
  readonly refused: number;
  /** Hostile ones answered with a status that is right for them. */
  readonly repelled: number;
  /** Everything else: lost connections, statuses nobody expects. */
  readonly failed: number;
  /** Of right answers. */
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

export interface LoadResult {
  readonly capacity: Stage;
  readonly at80: Stage;
  readonly overload: Stage;
  readonly hostile: Stage;
  /** Resident memory at ten points of the last stage. */
  readonly residentMegabytes: readonly number[];
  /** Of the server, after SIGTERM with requests under way. */
  readonly exitStatus: number | null;
  /** Requests that were under way at SIGTERM and were answered. */
  readonly answeredWhileClosing: number;
}

const MAX_BYTES = 2 ** 20;

/** Runs all stages against a server of its own. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { model, weights, maxPending = 64 } = options;
  const samples = await makeSamples(model, weights, 64);
  const hostile = await makeHostile(samples[0]!, MAX_BYTES);
  const server = await ServerProcess.start([
    ...['--weights', weights, '--model', model.name],
    ...['--max-pending', String(maxPending), '--max-bytes', String(MAX_BYTES), '--batches', '1,4,8'],
  ]);
  const client = new Client(server.origin, 12 * maxPending);
  const stage = (end: End, next: Next) => runStage(client, samples, end, next);
  try {
    await stage({ seconds: 1 }, closedLoop(16)); // warm
    const capacity = await stage({ seconds: options.seconds }, closedLoop(Math.min(32, maxPending)));
    const at80 = await stage({ seconds: options.seconds }, openLoop(0.8 * capacity.perSecond));
    const overload = await stage({ seconds: options.seconds }, closedLoop(10 * maxPending));
    const residentMegabytes = [await server.residentMegabytes()];
    const parts: Stage[] = [];
    for (let i = 0; i < 10; i++) {
      const end = { requests: Math.ceil(options.requests / 10) };
      parts.push(await runStage(client, samples, end, closedLoop(32), hostile));
      residentMegabytes.push(await server.residentMegabytes());
    }
    const before = await arrived(client);
    const underWay = Array.from({ length: 16 }, (_, i) =>
      client.classify(samples[i]!.bytes, samples[i]!.type),
    );
    // One that has not reached the server when it closes its idle connections is lost, as it would be anywhere.
    while ((await arrived(client)) < before + underWay.length) await setTimeout(1);
    const exitStatus = await server.stop();
    const answers = await Promise.all(underWay);
    const answeredWhileClosing = answers.filter(({ status }) => status === 200 || status === 503).length;
    const total = sum(parts);
    return {
      capacity,
      at80,
      overload,
      hostile: total,
      residentMegabytes,
      exitStatus,
      answeredWhileClosing,
    };
  } finally {
    await server.stop();
    await client.close();
  }
}

/** How many requests to classify the server has seen, those under way included. */
async function arrived(client: Client): Promise<number> {
  const { text } = await client.text('/metrics');
  const numbers = text.matchAll(/^classify_(?:pending|requests_total\{[^}]*\}) (\d+)$/gm);
  return [...numbers].reduce((sum, [, number]) => sum + Number(number), 0);
}

type End = { readonly seconds: number } | { readonly requests: number };
/** Keeps a stage going: calls `send` in its own rhythm until the stage is over. */
type Next = (send: () => Promise<void>, over: () => boolean) => Promise<void>;

/** So many clients, each of which sends when it has its answer. */
function closedLoop(clients: number): Next {
  return async (send, over) => {
    const client = async () => {
      while (!over()) await send();
    };
    await Promise.all(Array.from({ length: clients }, client));
  };
}

/** Requests at random moments, so many a second, whatever becomes of the earlier ones. */
function openLoop(perSecond: number): Next {
  return async (send, over) => {
    const sent: Promise<void>[] = [];
    let at = performance.now();
    while (!over()) {
      sent.push(send());
      at += (-Math.log(1 - Math.random()) / perSecond) * 1000;
      await setTimeout(Math.max(0, at - performance.now()));
    }
    await Promise.all(sent);
  };
}

async function runStage(
  client: Client,
  samples: readonly Sample[],
  end: End,
  next: Next,
  hostile: readonly Hostile[] = [],
): Promise<Stage> {
  const counts = { requests: 0, right: 0, wrong: 0, refused: 0, repelled: 0, failed: 0 };
  const times: number[] = [];
  const begin = performance.now();
  const over = () =>
    'seconds' in end ? performance.now() - begin > end.seconds * 1000 : counts.requests >= end.requests;
  await next(async () => {
    const number = counts.requests++;
    const attack =
      hostile.length > 0 && number % 20 === 0 ? hostile[(number / 20) % hostile.length] : undefined;
    const sample = samples[number % samples.length]!;
    const { bytes, type } = attack ?? sample;
    const answer = await client.classify(bytes, type);
    const outcome = attack ? judgeHostile(answer, attack) : judge(answer, sample);
    counts[outcome] += 1;
    if (outcome === 'right') times.push(answer.milliseconds);
  }, over);
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - begin) / 1000;
  return {
    ...counts,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    perSecond: counts.right / seconds,
  };
}

function judge(answer: Answer, sample: Sample): 'right' | 'wrong' | 'refused' | 'failed' {
  if (answer.status === 429) return 'refused';
  if (answer.status !== 200) return 'failed';
  const { predictions } = answer.body as { predictions: readonly Prediction[] };
  return matches(predictions, sample.expected) ? 'right' : 'wrong';
}

// A server may close the connection on an upload that is too large before the client has sent it all.
function judgeHostile(answer: Answer, attack: Hostile): 'repelled' | 'refused' | 'failed' {
  if (answer.status === 429) return 'refused';
  const closed = answer.status === 0 && attack.statuses.includes(413);
  return closed || attack.statuses.includes(answer.status) ? 'repelled' : 'failed';
}

function quantile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
}

function sum(parts: readonly Stage[]): Stage {
  const add = (key: keyof Stage) => parts.reduce((total, part) => total + part[key], 0);
  const mean = (key: keyof Stage) => add(key) / parts.length;
  return {
    requests: add('requests'),
    right: add('right'),
    wrong: add('wrong'),
    refused: add('refused'),
    repelled: add('repelled'),
    failed: add('failed'),
    p50: mean('p50'),
    p99: Math.max(...parts.map(({ p99 }) => p99)),
    perSecond: mean('perSecond'),
  };
}
