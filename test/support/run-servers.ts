import { rm } from 'node:fs/promises';
import type { EmbeddedServers } from '../../src/embedded/index.ts';
import { leaksIn } from './leaks.ts';
import { keepLogs } from './server-logs.ts';

/** A database that is copied for others. */
export interface Template {
  readonly name: string;
  readonly drop: () => Promise<void>;
}

interface Run {
  readonly servers: EmbeddedServers;
  readonly dataDir: string;
  /** Holds what all tests' programs have written. */
  readonly writtenDir: string;
  readonly template: Template;
}

let kept: Run | undefined;

export function keepForTeardown(run: Run): void {
  kept = run;
}

/** @throws Error if anything that was written in the run has personal data */
export async function stopAndRemove(): Promise<void> {
  if (kept === undefined) return;
  await kept.template.drop();
  await kept.servers.stop();
  await keepLogs(kept.dataDir, 'shared');
  const leaks = await leaksIn(kept.writtenDir);
  await rm(kept.dataDir, { recursive: true });
  if (leaks.length > 0)
    throw new Error(`expected no personal data in what the run has written, got\n${leaks.join('\n')}`);
}
