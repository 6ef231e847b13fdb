import { PassThrough } from 'node:stream';
import type { CliContext } from '../../src/cli/context.ts';
import { keepWritten } from '../support/written.ts';

/** A command's context, with readable output. */
interface CapturedCli {
  readonly cli: CliContext;
  /** Like Ctrl-C. */
  readonly interrupt: () => void;
  readonly output: () => string;
}

/**
 * @param isTerminal whether the output pretends to be a terminal of 80 columns
 * @param showsVariables for `explain`, whose result has them
 */
export function captureCli(isTerminal = false, showsVariables = false): CapturedCli {
  const controller = new AbortController();
  const keep = showsVariables ? () => undefined : keepWritten();
  let text = '';
  const stream = Object.assign(new PassThrough(), { isTTY: isTerminal, columns: 80, rows: 24 });
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    keep(chunk.toString());
  });
  const terminal = Object.assign(stream, { cursorTo: () => true, moveCursor: () => true, clearLine: () => true });
  const stdout = terminal as unknown as NodeJS.WriteStream;
  return {
    cli: { env: {}, signal: controller.signal, serving: () => undefined, stdout, stderr: stdout },
    interrupt: () => controller.abort(),
    output: () => text,
  };
}
