import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UnsupportedError } from '@fusor/errors';

/** Seconds to wait for an answer: the largest network on the slowest rival takes some. */
const defaultPatience = 300;

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
  #silent = false;
  #exit = '';
  #errors = '';

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#name = name;
    this.#child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#lines.push(line);
      else next(line);
    });
    const end = (reason: Error | number | null, signal?: NodeJS.Signals | null) => {
      this.#ended = true;
      if (reason instanceof Error) this.#errors ||= reason.message;
      else this.#exit = signal == null ? `status ${reason}` : signal;
      for (const next of this.#waiting.splice(0)) next(undefined);
    };
    this.#child.on('error', end);
    this.#child.on('close', end);
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
  }

  /** Whether it has ended, by itself or because it was told to. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The next line of its output.
   * @throws UnsupportedError with what it complained about, if it answers with an error, ends, or says nothing for
   * `patience` seconds, after which it is ended
   */
  async answer(patience: number = defaultPatience): Promise<Record<string, unknown>> {
    const line = this.#lines.shift() ?? (this.#ended ? undefined : await this.#nextLine(patience));
    if (line === undefined) throw new UnsupportedError(`${this.#name} ${this.#howItEnded(patience)}`);
    let answer: Record<string, unknown>;
    try {
      answer = JSON.parse(line) as Record<string, unknown>;
    } catch (error) {
      throw new UnsupportedError(`${this.#name} said: ${line.slice(0, 200)}`, { cause: error });
    }
    if (answer.error !== undefined) throw new UnsupportedError(`${this.#name}: ${String(answer.error)}`);
    return answer;
  }

  #nextLine(patience: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#silent = true;
        this.#child.kill('SIGKILL');
      }, 1000 * patience);
      this.#waiting.push((line) => {
        clearTimeout(timer);
        resolve(line);
      });
    });
  }

  #howItEnded(patience: number): string {
    if (this.#silent) return `did not answer within ${patience} s and was ended`;
    const last = this.#errors.trim().split('\n').at(-1) ?? '';
    return `ended${this.#exit === '' ? '' : ` (${this.#exit})`}${last === '' ? '' : `: ${last}`}`;
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
