import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

/** Collects the rows that could not be taken, in one CSV file (line, reason, row) for each file of the import. */
export interface Rejects {
  add(file: string, row: { line: number; raw: string }, reason: string): Promise<void>;
  /** Waits until all is on disk. Returns the paths of the files written. */
  close(): Promise<readonly string[]>;
}

/** Where a file's rejected rows go. */
function rejectsPath(folder: string, file: string): string {
  return join(folder, `${file.replaceAll(/[/\\]/g, '-').replace(/\.csv$/i, '')}.rejected.csv`);
}

/**
 * @param folder is made when the first row comes
 * @param files whose rejected rows of an earlier run are deleted, so that what is there afterwards is this run's
 */
export async function createRejects(folder: string, files: readonly string[]): Promise<Rejects> {
  for (const file of files) await rm(rejectsPath(folder, file), { force: true });
  const streams = new Map<string, WriteStream>();
  const open = async (path: string) => {
    await mkdir(folder, { recursive: true });
    const stream = createWriteStream(path);
    await once(stream, 'open');
    stream.write('line,reason,row\n');
    streams.set(path, stream);
    return stream;
  };
  return {
    async add(file, row, reason) {
      const path = rejectsPath(folder, file);
      const stream = streams.get(path) ?? (await open(path));
      if (!stream.write(`${row.line},${quote(reason)},${quote(row.raw)}\n`)) await once(stream, 'drain');
    },
    async close() {
      for (const stream of streams.values()) {
        stream.end();
        await finished(stream);
      }
      return [...streams.keys()];
    },
  };
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
