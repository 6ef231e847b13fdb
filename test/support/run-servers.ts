import { rm } from 'node:fs/promises';
import type { EmbeddedServers } from '../../src/embedded/index.ts';
import { keepLogs } from './server-logs.ts';

/** A database that is copied for others. */
export interface Template {
  readonly name: string;
  readonly drop: () => Promise<void>;
}

interface Run {
  readonly servers: EmbeddedServers;
  readonly dataDir: string;
  readonly template: Template;
}

let kept: Run | undefined;

export function keepForTeardown(run: Run): void {
  kept = run;
}

export async function stopAndRemove(): Promise<void> {
  if (kept === undefined) return;
  await kept.template.drop();
  await kept.servers.stop();
  await keepLogs(kept.dataDir, 'shared');
  await rm(kept.dataDir, { recursive: true });
}
