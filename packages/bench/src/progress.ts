import cliProgress from 'cli-progress';

/** Told how far a benchmark is. */
export interface Progress {
  /** So many steps in all; before it nothing is known of the end. */
  total(steps: number): void;
  /** Says what is going on now. */
  stage(text: string): void;
  /** Some steps are done. */
  step(count?: number): void;
}

/** For who does not want to know. */
export const noProgress: Progress = { total: () => {}, stage: () => {}, step: () => {} };

/**
 * A bar with the time left, on standard error so that results can be piped; nothing where that is not a terminal or
 * where `shown` is false.
 */
export function startProgress(shown: boolean): Progress & { stop(): void } {
  if (!shown || !process.stderr.isTTY) return { ...noProgress, stop: () => {} };
  const bar = new cliProgress.SingleBar(
    {
      format: ' {bar} {percentage}% | {left} | {stage}',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const begin = performance.now();
  let done = 0;
  let steps = 0;
  let stage = '';
  const left = () => timeLeft(performance.now() - begin, done, steps);
  const show = () => bar.update(done, { left: left(), stage });
  bar.start(1, 0, { left: left(), stage });
  // A turn can take a minute: the clock goes on meanwhile.
  const timer = setInterval(show, 1000);
  timer.unref();
  return {
    total: (count) => {
      steps = count;
      bar.setTotal(count);
      show();
    },
    stage: (text) => {
      stage = text;
      show();
    },
    step: (count = 1) => {
      done += count;
      show();
    },
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}

/** What is left at the rate so far, such as `2m 05s left`; nothing can be said before the first step. */
export function timeLeft(elapsedMilliseconds: number, done: number, total: number): string {
  if (done === 0 || total === 0) return 'time left unknown';
  const seconds = Math.ceil((elapsedMilliseconds / 1000 / done) * Math.max(0, total - done));
  if (seconds < 60) return `${seconds}s left`;
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s left`;
}
