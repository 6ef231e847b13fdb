import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createFolder } from './create-folder.ts';

export interface FolderLock {
  /** Stores text next to the lock, for those who find the folder locked. */
  readonly describe: (text: string) => void;
  readonly release: () => Promise<void>;
}

/** Another process holds the folder's lock; `pid` and `text` come from it. */
export class FolderLockedError extends Error {
  override readonly name = 'FolderLockedError';
  readonly pid: number | undefined;
  readonly text: string;
  constructor(folder: string, holder: { pid?: number; text?: string }) {
    super(`${folder} is in use by process ${holder.pid ?? 'unknown'}`);
    this.pid = holder.pid;
    this.text = holder.text ?? '';
  }
}

/**
 * Locks a folder for this process, and creates it if needed. The lock is SQLite's, so the kernel releases it however the
 * process ends, and there are no stale locks to detect by process ids.
 * @throws FolderLockedError when another process, or this one, holds it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  await createFolder(folder);
  const holderFile = join(folder, 'lock.json');
  const file = new DatabaseSync(join(folder, 'lock'));
  try {
    file.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    // https://www.sqlite.org/rescode.html#busy
    if ((error as { errcode?: number }).errcode !== 5) throw error;
    const text = existsSync(holderFile) ? readFileSync(holderFile, 'utf8') : '';
    throw new FolderLockedError(folder, text === '' ? {} : (JSON.parse(text) as { pid: number }));
  }
  const describe = (text: string): void => {
    // Renamed into place, so that readers never see half of it.
    writeFileSync(`${holderFile}.new`, JSON.stringify({ pid: process.pid, text }));
    renameSync(`${holderFile}.new`, holderFile);
  };
  describe('');
  const release = async (): Promise<void> => {
    await rm(holderFile, { force: true });
    file.close();
  };
  return { describe, release };
}
