import { configureGlobal } from 'fast-check';

// What has landed must not fail by an unlucky draw. To look for new ones, name another: `SOAK_SEED=7 npm test -- FILE`.
configureGlobal({ seed: Number(process.env['SOAK_SEED'] ?? 20_261_127) });
