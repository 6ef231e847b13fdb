import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { orGiveUp } from '../support/patience.ts';

/**
 * Resolves as soon as something is added to a log: the state that it reports lasts for milliseconds, which polling would miss.
 * @param log its folder, which must exist, and its name
 * @param isSeen called with what was added since the call, whenever anything changes in the folder
 * @param orElse also ends the waiting
 */
export async function untilAdded(
  log: { readonly folder: string; readonly name: string },
  isSeen: (added: string) => boolean,
  orElse: Promise<unknown>,
): Promise<void> {
  const path = join(log.folder, log.name);
  const text = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const before = text().length;
  const added = (): string => text().slice(before);
  const watcher = watch(log.folder);
  const seen = new Promise<void>((resolve) => {
    const look = () => void (isSeen(added()) && resolve());
    watcher.on('change', look);
    look();
  });
  try {
    await orGiveUp(`a line in ${path}`, Promise.race([seen, orElse]), added);
  } finally {
    watcher.close();
  }
}
