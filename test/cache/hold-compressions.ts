// Preloaded into a gateway's process: a signal has responses wait before they are compressed, and the next one lets them go on.
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

let held: (() => void)[] | undefined;

type Compress = (...args: readonly unknown[]) => void;
const compressors = zlib as unknown as Record<'gzip' | 'brotliCompress', Compress>;
for (const name of ['gzip', 'brotliCompress'] as const) {
  const compress = compressors[name];
  compressors[name] = (...args) => {
    if (held === undefined) compress(...args);
    else held.push(() => compress(...args));
  };
}
syncBuiltinESMExports();

process.on('SIGUSR2', () => {
  const waiting = held;
  held = waiting === undefined ? [] : undefined;
  for (const goOn of waiting ?? []) goOn();
});
