import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UnsupportedError } from '@fusor/errors';

/**
 * A rival in a process of its own, which answers each line of its standard input with a line of JSON. Its threads,
 * allocator and event loop then cannot disturb what is measured next to it.
 */
export class RivalProcess {
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string | undefined) => void)[] = [];
  readonly #lines: string[] = [];
  #ended = false;
  #errors = '';

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#name = name;
    this.#child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#lines.push(line);
      else next(line);
    });
    const end = () => {
      this.#ended = true;
      for (const next of this.#waiting.splice(0)) next(undefined);
    };
    this.#child.on('error', end);
    this.#child.on('close', end);
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
  }

  /**
   * The next line of its output.
   * @throws UnsupportedError with what it complained about, if it answers with an error or ends
   */
  async answer(): Promise<Record<string, unknown>> {
    const line =
      this.#lines.shift() ??
      (this.#ended
        ? undefined
        : await new Promise<string | undefined>((resolve) => this.#waiting.push(resolve)));
    if (line === undefined) {
      const last = this.#errors.trim().split('\n').at(-1) ?? '';
      throw new UnsupportedError(`${this.#name} ended${last === '' ? '' : `: ${last}`}`);
    }
    let answer: Record<string, unknown>;
    try {
      answer = JSON.parse(line) as Record<string, unknown>;
    } catch (error) {
      throw new UnsupportedError(`${this.#name} said: ${line.slice(0, 200)}`, { cause: error });
    }
    if (answer.error !== undefined) throw new UnsupportedError(`${this.#name}: ${String(answer.error)}`);
    return answer;
  }

  ask(request: string): Promise<Record<string, unknown>> {
    this.#child.stdin.write(`${request}\n`);
    return this.answer();
  }

  /** Ends it. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill();
    await closed;
  }
}
