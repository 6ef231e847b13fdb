/** Loaded into a gateway's process that runs with --expose-gc, collects its young garbage at each SIGUSR2. */
process.on('SIGUSR2', () => globalThis.gc?.({ type: 'minor' }));
