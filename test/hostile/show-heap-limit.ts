import { oldGenerationLimit } from '../../src/telemetry/memory.ts';

// A program of its own, since the limit depends on how its process was started.
process.stdout.write(String(oldGenerationLimit(process.execArgv)));
