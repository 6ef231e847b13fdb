import { getHeapSpaceStatistics } from 'node:v8';

/** Loaded into a gateway's process with a heap of 256 MB, fills most of it at a first SIGUSR2, and lets go of it at the next. */
const HELD_MEGABYTES = 230;

const usedMegabytes = (): number =>
  getHeapSpaceStatistics().reduce((sum, { space_used_size: used }) => sum + used, 0) / 1024 / 1024;

let held: object[] | undefined;
process.on('SIGUSR2', () => {
  if (held !== undefined) {
    held = undefined;
    return;
  }
  held = [];
  while (usedMegabytes() < HELD_MEGABYTES) held.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
});
