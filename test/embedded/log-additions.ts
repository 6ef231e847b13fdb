import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { orGiveUp } from '../support/patience.ts';

/**
 * Resolves at the moment when something is added to a log: what it tells of lasts for milliseconds, which who looks now and
 * then would miss.
 * @param log its folder, which must be there, and its name
 * @param isSeen is given what was added since the call; asked again whenever anything changes in the folder
 * @param orElse what makes an end to the waiting too
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
