const { NORTHWIND_DIR, SOAK_MINUTES = '0', TEST_DATABASE_URL, TEST_LOGS_DIR } = process.env;

/** What meets no database, starts one of its own, or asks it nothing that another test does not ask a given server, too. */
const ELSEWHERE = [
  '(architecture|bench|embedded|hostile|http|restarts|soak)/',
  'access/(?!(?:api-keys|owner|owner-keys|owner-pages|owner-random|owner-reads|owner-writes|taken-values)\\.)',
  'cache/(access-profiles|acl|channels|churn|cluster|collapsing|fail-back|fail-over|flights|hits|keys|lifetimes|log|lost-at-once|near-fail-back|near-misses|near-model|partition-mutants|patience|pending|redis-database|refusals|standing|take-over|turns)\\.',
  'cli/(broken-outputs|cache|csv|explain-own-servers|help|in-force|outside-caches|run-script|seed-command|seed-interrupted|settings|start(-own-servers)?)\\.',
  'cli/import-(cache|files|mapping|misuse|shapes)\\.',
  'db/(semaphore|url-parts)\\.',
  'docs/(adding-a-type|clients|compose|indexes|references|schema-words|snippets|subscriptions|text)\\.',
  'faults/(health|lifecycle|redis|subscriptions|uncaught)\\.',
  'limits/(bounds|cost|cost-report|cost-schema|cost-variables|cursor-form|documents|fair-queue|fuzz|kept|turns)\\.',
  'mutations/documents\\.',
  'queries/(documents|inputs|prepare)\\.',
  'subscriptions/(clients|cluster|graphql-sse|subscriptions-misuse|two-gateways)\\.',
  'tls/(middle|own-database|own-redis|prisma-url|redis-nodes)\\.',
];

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    // Needs files that are not ours to pass on.
    ...(NORTHWIND_DIR ? [] : ['<rootDir>/test/northwind/']),
    // On a given server, only what could go otherwise on it.
    ...(TEST_DATABASE_URL ? ELSEWHERE.map((path) => `<rootDir>/test/${path}`) : []),
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  setupFiles: ['<rootDir>/test/support/fast-check.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // A given server may be MariaDB, which counts the rows read for the whole server: nobody else may be asking it.
  maxWorkers: TEST_DATABASE_URL ? 1 : 2,
  // Each file leaves 30 MB of modules in the memory of its worker, of which gateways that a test starts there would find too little left.
  workerIdleMemoryLimit: '1GB',
  // Tests of one file that run at once are those that mostly wait.
  maxConcurrency: 50,
  reporters: [
    'default',
    ...(TEST_LOGS_DIR ? [['<rootDir>/.ci/progress.mjs', { file: `${TEST_LOGS_DIR}/progress.jsonl` }]] : []),
  ],
  // For what hangs, not for what is slow.
  testTimeout: 300_000 + Number(SOAK_MINUTES) * 60_000,
};
