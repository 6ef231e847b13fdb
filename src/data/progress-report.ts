import { SingleBar } from 'cli-progress';

/** Shows the progress of a long task: a bar on a terminal, otherwise a line every few seconds. */
export interface ProgressReport {
  /** Sets how many of the total are done, and how many rows this run has written. */
  update(done: number, rows: number): void;
  /** Stops and leaves the last state on the screen. */
  stop(): void;
}

const LINE_EVERY_MS = 3_000;

/**
 * @param stream where to write; a bar needs a terminal
 * @param what `total` things named `unit`, of which `done` were done by an earlier run
 */
export function createProgressReport(
  stream: NodeJS.WriteStream,
  what: { unit: string; total: number; done: number },
): ProgressReport {
  const startedMs = performance.now();
  const measure = (done: number, rows: number) => {
    const seconds = (performance.now() - startedMs) / 1_000;
    const donePerSecond = (done - what.done) / seconds;
    return {
      rows: formatCount(rows),
      rate: formatCount(Math.round(rows / seconds)),
      left: donePerSecond > 0 ? formatSeconds((what.total - done) / donePerSecond) : 'unknown',
    };
  };
  return stream.isTTY ? bar(stream, what, measure) : lines(stream, what, measure);
}

type Measure = (done: number, rows: number) => { rows: string; rate: string; left: string };

function bar(stream: NodeJS.WriteStream, what: { unit: string; total: number; done: number }, measure: Measure) {
  const single = new SingleBar({
    stream,
    format: `{bar} {percentage} %  {value}/{total} ${what.unit}  {rate} rows/s  {left} left`,
    hideCursor: true,
    forceRedraw: true,
  });
  single.start(what.total, what.done, { rate: '0', left: 'unknown' });
  return {
    update: (done: number, rows: number) => single.update(done, measure(done, rows)),
    stop: () => single.stop(),
  };
}

function lines(stream: NodeJS.WriteStream, what: { unit: string; total: number; done: number }, measure: Measure) {
  let shownMs = performance.now();
  return {
    update(done: number, rows: number) {
      if (performance.now() - shownMs < LINE_EVERY_MS) return;
      shownMs = performance.now();
      const { rate, left, rows: count } = measure(done, rows);
      const part = `${formatCount(done)} of ${formatCount(what.total)} ${what.unit}`;
      stream.write(`${part}, ${count} rows, ${rate} rows/s, ${left} left\n`);
    },
    stop() {
      shownMs = Number.POSITIVE_INFINITY;
    },
  };
}

/** `1234567` as `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  return whole < 3_600 ? `${Math.ceil(whole / 60)} min` : `${(whole / 3_600).toFixed(1)} h`;
}
