import { rm } from 'node:fs/promises';
import type { EmbeddedServers } from '../../src/embedded/index.ts';
import { keepLogs } from './server-logs.ts';

let kept: { readonly servers: EmbeddedServers; readonly dataDir: string } | undefined;

export function keepForTeardown(servers: EmbeddedServers, dataDir: string): void {
  kept = { servers, dataDir };
}

export async function stopAndRemove(): Promise<void> {
  if (kept === undefined) return;
  await kept.servers.stop();
  await keepLogs(kept.dataDir, 'shared');
  await rm(kept.dataDir, { recursive: true });
}
