import { stopAndRemove } from './run-servers.ts';

/** Stops the servers of global-setup.ts and removes their data; fails the run if a log has personal data. */
export default async function globalTeardown(): Promise<void> {
  await stopAndRemove();
}
