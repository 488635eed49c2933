import cliProgress from 'cli-progress';

/** Shows how far a benchmark is. */
export interface Progress {
  /** Says what is going on now. */
  stage(text: string): void;
  /** One turn is done. */
  step(): void;
  stop(): void;
}

/**
 * A bar with the time left, on standard error so that results can be piped; nothing where that is not a terminal or
 * `quiet` is set.
 *
 * @param total steps until the end, which take about the same time each
 */
export function startProgress(total: number, quiet: boolean): Progress {
  if (quiet || !process.stderr.isTTY) return { stage: () => {}, step: () => {}, stop: () => {} };
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
  let stage = '';
  const show = () => bar.update(done, { left: timeLeft(performance.now() - begin, done, total), stage });
  bar.start(total, 0, { left: timeLeft(0, 0, total), stage });
  return {
    stage: (text) => {
      stage = text;
      show();
    },
    step: () => {
      done += 1;
      show();
    },
    stop: () => bar.stop(),
  };
}

/** What is left at the rate so far, such as `2m 05s left`; nothing can be said before the first step. */
export function timeLeft(elapsedMilliseconds: number, done: number, total: number): string {
  if (done === 0) return 'time left unknown';
  const seconds = Math.ceil((elapsedMilliseconds / 1000 / done) * (total - done));
  if (seconds < 60) return `${seconds}s left`;
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, '0')}s left`;
}
