import { Pool } from 'undici';

/** An answer, however it ended. */
export interface Answer {
  /** 0: the connection failed. */
  readonly status: number;
  readonly body: unknown;
  readonly milliseconds: number;
}

/** Sends images to one server on this machine, over connections that stay open. */
export class Client {
  readonly #pool: Pool;

  constructor(origin: string, connections: number) {
    const { hostname } = new URL(origin);
    if (hostname !== '127.0.0.1' && hostname !== 'localhost' && hostname !== '[::1]') {
      throw new RangeError(`load is for servers on this machine, not for ${hostname}`);
    }
    this.#pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: 60_000 });
  }

  async classify(bytes: Buffer, type: string): Promise<Answer> {
    const begin = performance.now();
    try {
      const { statusCode, body } = await this.#pool.request({
        path: '/classify',
        method: 'POST',
        headers: { 'content-type': type },
        body: bytes,
      });
      const text = await body.text();
      return { status: statusCode, body: parse(text), milliseconds: performance.now() - begin };
    } catch {
      return { status: 0, body: undefined, milliseconds: performance.now() - begin };
    }
  }

  async text(path: string): Promise<{ status: number; text: string }> {
    const { statusCode, body } = await this.#pool.request({ path, method: 'GET' });
    return { status: statusCode, text: await body.text() };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
