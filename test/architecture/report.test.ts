import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { orGiveUp, until } from '../support/patience.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const project = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const file = (name: string, ms: number, { message = '', assertionResults = [] as object[] }) => ({
  name: join(project, name),
  startTime: 0,
  endTime: ms,
  status: message === '' && assertionResults.every((one) => 'duration' in one) ? 'passed' : 'failed',
  message,
  assertionResults,
});
const passed = { status: 'passed', fullName: 'a rule holds', duration: 250, failureMessages: [] };
const failed = {
  status: 'failed',
  fullName: 'a rule does not hold',
  failureMessages: [`\u001B[31mError\u001B[39m: expected 1, got 2\n${'at somewhere\n'.repeat(30)}`],
};

describe('the report at the end of a CI run', () => {
  let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;
  beforeAll(async () => {
    temporary = await createTemporaryFolder();
  });
  afterAll(() => temporary.remove());

  async function runFolder(name: string, report: object | undefined, logs: Readonly<Record<string, string>> = {}) {
    const folder = join(temporary.path, name);
    await mkdir(join(folder, 'logs'), { recursive: true });
    if (report !== undefined) await writeFile(join(folder, 'report.json'), JSON.stringify(report));
    for (const [log, text] of Object.entries(logs)) await writeFile(join(folder, 'logs', log), text);
    return folder;
  }
  const reportOf = async (...folders: string[]) =>
    (await run(process.execPath, ['.ci/report.mjs', ...folders], { cwd: project })).stdout;

  test('says where the time went, with the sum over all runs in its last line', async () => {
    const green = {
      numPassedTests: 2,
      numFailedTests: 0,
      numRuntimeErrorTestSuites: 0,
      testResults: [
        file('test/a.test.ts', 1_000, { assertionResults: [passed] }),
        file('test/b.test.ts', 61_500, { assertionResults: [passed] }),
      ],
    };
    const text = await reportOf(await runFolder('MariaDB', green), await runFolder('MySQL', green));
    expect(text).toContain(`The slowest files on MariaDB, in seconds:
   whole   tests    rest
    61.5     0.3    61.3  test/b.test.ts
     1.0     0.3     0.8  test/a.test.ts
    62.5     0.5    62.0  all 2 files
`);
    expect(text).toMatch(/\n4 passed, 0 failed\n$/);
    expect(text).not.toContain('FAILED');
  });

  test('names what failed, with the first message of each test and the ends of the logs of its servers', async () => {
    const red = {
      numPassedTests: 1,
      numFailedTests: 1,
      numRuntimeErrorTestSuites: 1,
      testResults: [
        file('test/x/a.test.ts', 1_000, { assertionResults: [passed, failed] }),
        file('test/x/broken.test.ts', 10, { message: 'Cannot find module' }),
      ],
    };
    const logs = {
      'shared-mariadb.log': 'one\n'.repeat(40) + 'shared end\n',
      'test-x-a.test.ts-redis.log': 'own end\n',
      'test-y-b.test.ts-redis.log': 'of another\n',
    };
    const text = await reportOf(await runFolder('red', red, logs), await runFolder('killed', undefined));
    expect(text).toContain('FAILED on red: test/x/a.test.ts › a rule does not hold\n    Error: expected 1, got 2\n');
    expect(text.match(/at somewhere/g)).toHaveLength(14);
    expect(text).toContain('FAILED on red: test/x/broken.test.ts › (the file itself)\n    Cannot find module\n');
    expect(text).toContain('The log test-x-a.test.ts-redis.log ends with:\n    own end\n');
    expect(text).toMatch(/The log shared-mariadb.log ends with:\n(    one\n){11}    shared end\n/);
    expect(text).not.toContain('of another');
    expect(text).toContain('FAILED on killed: the run as a whole\n    It left no report');
    expect(text).toMatch(
      new RegExp(`

FAILED on red: test/x/a.test.ts › a rule does not hold
FAILED on red: test/x/broken.test.ts › \\(the file itself\\)
FAILED on killed: the run as a whole

1 passed, 3 failed
$`),
    );
  });

  test('names a hundred failures at the end, and counts the rest', async () => {
    const assertionResults = Array.from({ length: 130 }, (_, index) => ({ ...failed, fullName: `rule ${index}` }));
    const testResults = [file('test/a.test.ts', 1_000, { assertionResults })];
    const report = { numPassedTests: 0, numFailedTests: 130, numRuntimeErrorTestSuites: 0, testResults };
    const text = await reportOf(await runFolder('all-red', report));
    expect(text).toMatch(/\nFAILED on all-red: test\/a.test.ts › rule 99\nand 30 more\n\n0 passed, 130 failed\n$/);
    expect(text.match(/› rule 129\n/g)).toHaveLength(1);
  });

  /** Runs jest with our reporter on separate files, and stops it once one of their tests hangs. */
  async function stoppedRun(files: Readonly<Record<string, string>>): Promise<string> {
    const folder = await runFolder('stopped', undefined);
    for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code);
    const progress = join(folder, 'logs/progress.jsonl');
    const config = {
      rootDir: folder,
      testEnvironment: 'node',
      testSequencer: join(folder, 'by-name.cjs'),
      reporters: [[join(project, '.ci/progress.mjs'), { file: progress }]],
    };
    const jest = join(project, 'node_modules/jest/bin/jest.js');
    const report = join(folder, 'report.json');
    const args = [jest, '--runInBand', '--json', `--outputFile=${report}`, '--config', JSON.stringify(config)];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
    const exited = once(child, 'exit');
    await until(
      'the last test but one to end',
      () => readFile(progress, 'utf8').catch(String),
      (lines) => lines.includes('the last but one'),
    );
    child.kill('SIGKILL');
    await orGiveUp('jest to end', exited);
    return folder;
  }

  test('names what had failed and which files had not ended if the run was stopped', async () => {
    const folder = await stoppedRun({
      'by-name.cjs': `const { default: Sequencer } = require('${join(project, 'node_modules/@jest/test-sequencer')}');
        module.exports = class extends Sequencer { sort(tests) { return [...tests].sort((a, b) => (a.path < b.path ? -1 : 1)); } };`,
      'a.test.js': "test('holds', () => {}); test('does not hold', () => expect(1).toBe(2));",
      'b.test.js': "throw new Error('not to be loaded');",
      'c.test.js': "test('the last but one', () => {}); test('hangs', () => new Promise(() => {}), 1e9);",
    });
    const text = await reportOf(folder);
    expect(text).toContain(
      'FAILED on stopped: the run as a whole\n    It left no report: it was stopped, or crashed. ',
    );
    expect(text).toMatch(/Of 3 files that had begun, 1 had not ended:\n {6}\S+c\.test\.js, after "the last but one"\n/);
    expect(text).toMatch(/FAILED on stopped: \S+a\.test\.js › does not hold\n {4}Error: expect.*toBe/);
    expect(text).toMatch(/FAILED on stopped: \S+b\.test\.js › \(the file itself\)\n[^]*not to be loaded/);
    expect(text).not.toContain('The slowest');
    expect(text).toMatch(/\n2 passed, 3 failed\n$/);
  });

  test('says that the run failed if it was stopped while it wrote its report or its progress', async () => {
    const folder = await runFolder('cut', undefined);
    await writeFile(join(folder, 'report.json'), '{"numPassedTests":7,"testResults":[{}');
    await writeFile(join(folder, 'logs/progress.jsonl'), '{"path":"/a.test.ts"}\n{"path":"/b.te');
    const text = await reportOf(folder);
    expect(text).toContain('Of 1 files that had begun, 1 had not ended:\n');
    expect(text).toMatch(/a\.test\.ts, in its first test\n[^]*\n0 passed, 1 failed\n$/);
  });
});
