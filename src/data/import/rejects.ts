import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { CliError, EXIT } from '../../cli-error.ts';
import type { ValueNote } from './records.ts';
import type { RowPlace } from './source-file.ts';

/** Writes what could not be imported to CSV files. */
export interface Rejects {
  /** Adds a row to its target's file (line, reason, column, file, row). An empty `column` means the row as a whole. */
  add(target: string, row: RowPlace, why: { problem: string; column: string }): Promise<void>;
  /** Adds a value of an imported row to one of two files: for those left empty, and for those cut. */
  addNote(place: RowPlace, note: ValueNote): Promise<void>;
  /** Waits until everything is on disk. Returns the paths of the files. */
  close(): Promise<RejectFiles>;
}

export interface RejectFiles {
  /** Files of rejected rows. */
  readonly rejects: readonly string[];
  /** Undefined if there are no such values. */
  readonly leftEmpty: string | undefined;
  readonly cut: string | undefined;
}

/**
 * Opens files for rejects, each when something is first written to it.
 * @param folder created once there is something to write
 * @param names of targets, whose files from earlier runs are deleted, so that the folder has only this run's; also names of
 *   source files, for what earlier versions wrote
 * @throws CliError (exit code 74) when a file cannot be written; so do all of its methods
 */
export async function createRejects(folder: string, names: readonly string[]): Promise<Rejects> {
  const notePaths = { leftEmpty: join(folder, 'left-empty.csv'), cut: join(folder, 'cut.csv') };
  const rejectsPath = (name: string) =>
    join(folder, `${name.replaceAll(/[/\\]/g, '-').replace(/\.csv$/i, '')}.rejected.csv`);
  for (const path of [...Object.values(notePaths), ...names.map(rejectsPath)])
    await rm(path, { force: true }).catch(cannotWrite(path));
  const streams = new Map<string, WriteStream>();
  const openFile = async (path: string, head: string) => {
    await mkdir(folder, { recursive: true }).catch(cannotWrite(path));
    const stream = createWriteStream(path);
    // Reported by the next write, or by the end.
    stream.on('error', () => undefined);
    await once(stream, 'open').catch(cannotWrite(path));
    stream.write(`${head}\n`);
    streams.set(path, stream);
    return stream;
  };
  const write = async (path: string, head: string, cells: readonly (string | number)[]) => {
    const stream = streams.get(path) ?? (await openFile(path, head));
    if (stream.errored) cannotWrite(path)(stream.errored);
    const line = cells.map((cell) => (typeof cell === 'number' ? cell : quote(cell))).join(',');
    if (!stream.write(`${line}\n`)) await once(stream, 'drain').catch(cannotWrite(path));
  };
  const ifWritten = (path: string) => (streams.has(path) ? path : undefined);
  return {
    add: (target, { file, line, raw }, { problem, column }) =>
      write(rejectsPath(target), 'line,reason,column,file,row', [line, problem, column, file, raw]),
    addNote: ({ file, line }, { kind, column, value, reason }) =>
      write(notePaths[kind], 'file,line,column,value,reason', [file, line, column, value, reason]),
    async close() {
      for (const [path, stream] of streams) {
        stream.end();
        await finished(stream).catch(cannotWrite(path));
      }
      const notes = Object.values(notePaths);
      return {
        rejects: [...streams.keys()].filter((path) => !notes.includes(path)),
        leftEmpty: ifWritten(notePaths.leftEmpty),
        cut: ifWritten(notePaths.cut),
      };
    },
  };
}

const cannotWrite =
  (path: string) =>
  (error: unknown): never => {
    const why = Error.isError(error) ? error.message : String(error);
    throw new CliError(`${path} cannot be written: ${why}`, { cause: error, exitCode: EXIT.inputOutput });
  };

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
