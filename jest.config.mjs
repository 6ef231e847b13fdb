const { NORTHWIND_DIR, TEST_DATABASE_URL } = process.env;

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    // Needs files that are not ours to pass on.
    ...(NORTHWIND_DIR ? [] : ['<rootDir>/test/northwind/']),
    // On a given server, only what meets a database.
    ...(TEST_DATABASE_URL ? ['<rootDir>/test/architecture/', '<rootDir>/test/embedded/'] : []),
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.mjs' },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // Row counts come from a given server's own counters, so nobody else may be asking it.
  maxWorkers: TEST_DATABASE_URL ? 1 : 2,
  testTimeout: 30_000,
};
