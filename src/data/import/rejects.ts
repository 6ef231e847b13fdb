import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { LeftEmpty } from './records.ts';

/** Collects what could not be taken, in CSV files. */
export interface Rejects {
  /** A row, in one file (line, reason, row) for each file of the import. */
  add(file: string, row: { line: number; raw: string }, reason: string): Promise<void>;
  /** A value of a row that was taken, in one file for all. */
  addLeftEmpty(place: { file: string; line: number }, left: LeftEmpty): Promise<void>;
  /** Waits until all is on disk. Returns the paths of the files written. */
  close(): Promise<{ rejects: readonly string[]; leftEmpty: string | undefined }>;
}

/** Where a file's rejected rows go. */
function rejectsPath(folder: string, file: string): string {
  return join(folder, `${file.replaceAll(/[/\\]/g, '-').replace(/\.csv$/i, '')}.rejected.csv`);
}

/**
 * @param folder is made when there is something to write
 * @param files whose rejected rows of an earlier run are deleted, so that what is there afterwards is this run's
 */
export async function createRejects(folder: string, files: readonly string[]): Promise<Rejects> {
  const leftEmptyPath = join(folder, 'left-empty.csv');
  for (const path of [leftEmptyPath, ...files.map((file) => rejectsPath(folder, file))])
    await rm(path, { force: true });
  const streams = new Map<string, WriteStream>();
  const open = async (path: string, head: string) => {
    await mkdir(folder, { recursive: true });
    const stream = createWriteStream(path);
    await once(stream, 'open');
    stream.write(`${head}\n`);
    streams.set(path, stream);
    return stream;
  };
  const write = async (path: string, head: string, line: string) => {
    const stream = streams.get(path) ?? (await open(path, head));
    if (!stream.write(`${line}\n`)) await once(stream, 'drain');
  };
  return {
    add: (file, { line, raw }, reason) =>
      write(rejectsPath(folder, file), 'line,reason,row', `${line},${quote(reason)},${quote(raw)}`),
    addLeftEmpty({ file, line }, { column, value, reason }) {
      const cells = [quote(file), line, quote(column), quote(value), quote(reason)];
      return write(leftEmptyPath, 'file,line,column,value,reason', cells.join(','));
    },
    async close() {
      for (const stream of streams.values()) {
        stream.end();
        await finished(stream);
      }
      const rejects = [...streams.keys()].filter((path) => path !== leftEmptyPath);
      return { rejects, leftEmpty: streams.has(leftEmptyPath) ? leftEmptyPath : undefined };
    },
  };
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
