import { configureGlobal } from 'fast-check';

// A fixed seed, so that unlucky values do not fail builds. To look for new ones, set another: `SOAK_SEED=7 npm test -- FILE`.
configureGlobal({ seed: Number(process.env['SOAK_SEED'] ?? 20_261_127) });
