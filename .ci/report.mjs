// What the runs of the tests come to. Plain Node, since the packages may not be installed.
//
//   node .ci/report.mjs FOLDER...    a folder a run, with jest's report.json, and below logs/ the servers' logs and what
//                                    .ci/progress.mjs wrote
//
// Prints where the time went; what failed, with the first message of each and how its servers' logs end; then only the names
// of what failed, since who keeps the output may cut long ones in the middle; and, last, "N passed, N failed" over all runs. A
// run without a whole report, since it was stopped or crashed, is a failure by itself, beside those that it had until then.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

const SLOWEST = 20;
const MESSAGE_LINES = 15;
const LOG_LINES = 12;
const NAMED_FAILURES = 100;
const WHOLE_RUN = 'the run as a whole';

const plain = (text) => text.replaceAll(/\u001b\[[0-9;]*m/g, '');
const seconds = (ms) => (ms / 1_000).toFixed(1).padStart(8);
const indented = (lines) => lines.map((line) => `    ${line}`.trimEnd()).join('\n');
const pathOf = ({ name }) => relative(process.cwd(), name);

const runs = process.argv.slice(2).map((folder) => {
  const report = wholeReport(join(folder, 'report.json'));
  return { name: basename(folder), folder, isWhole: report !== null, report: report ?? reportSoFar(folder) };
});

/** Null when there is none, or half of one: it was being written when the run was stopped. */
function wholeReport(file) {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** What jest would have reported of a run until it was stopped, and the files that had begun and not ended. */
function reportSoFar(folder) {
  const path = join(folder, 'logs/progress.jsonl');
  // What follows the last line break is half a line, or nothing.
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  const files = new Map();
  for (const { path: name, test, end } of lines.map((line) => JSON.parse(line))) {
    const file = files.get(name) ?? { name, status: 'unfinished', message: '', assertionResults: [] };
    files.set(name, file);
    if (test !== undefined) file.assertionResults.push(test);
    if (end !== undefined)
      Object.assign(file, { message: end.message, status: end.message === '' ? 'passed' : 'failed' });
  }
  const testResults = [...files.values()];
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    testResults,
    numPassedTests: tests.filter(({ status }) => status === 'passed').length,
    numFailedTests: tests.filter(({ status }) => status === 'failed').length,
    numRuntimeErrorTestSuites: testResults.filter(({ status }) => status === 'failed').length,
  };
}

/** Of the whole of a file's time, what its tests took; the rest is loading it, starting, seeding and stopping. */
function slowest({ name, report }) {
  const files = report.testResults.map((file) => {
    const inTests = file.assertionResults.reduce((sum, { duration }) => sum + (duration ?? 0), 0);
    return { path: pathOf(file), total: file.endTime - file.startTime, inTests };
  });
  files.sort((a, b) => b.total - a.total);
  const sum = (of) => files.reduce((all, file) => all + of(file), 0);
  const lines = files.slice(0, SLOWEST).map(row);
  const all = row({ path: `all ${files.length} files`, total: sum((f) => f.total), inTests: sum((f) => f.inTests) });
  return [`The slowest files on ${name}, in seconds:`, '   whole   tests    rest', ...lines, all].join('\n');
}

function row({ path, total, inTests }) {
  return `${seconds(total)}${seconds(inTests)}${seconds(total - inTests)}  ${path}`;
}

/** What failed in a file: its tests, or the file itself where it could not be run. */
function failuresOf(file) {
  const failed = file.assertionResults.filter(({ status }) => status === 'failed');
  const all = failed.map(({ fullName, failureMessages: [message = ''] }) => ({ fullName, message }));
  if (all.length === 0 && file.status === 'failed') all.push({ fullName: '(the file itself)', message: file.message });
  return all.map(({ fullName, message }) => ({ title: `${pathOf(file)} › ${fullName}`, message }));
}

/** How logs of the servers of a run end: those whose names begin with `start`. */
function logs(folder, start) {
  const all = join(folder, 'logs');
  const found = existsSync(all) ? readdirSync(all).filter((log) => log.startsWith(start)) : [];
  const endOf = (log) => readFileSync(join(all, log), 'utf8').trim().split('\n').slice(-LOG_LINES);
  return found.map((log) => `The log ${log} ends with:\n${indented(endOf(log))}`);
}

const named = ({ name }, { title }) => `FAILED on ${name}: ${title}`;

function failures(run) {
  const { folder, isWhole, report } = run;
  const shown = (failure) =>
    `${named(run, failure)}\n${indented(plain(failure.message).trim().split('\n').slice(0, MESSAGE_LINES))}`;
  const parts = report.testResults.flatMap((file) => {
    const failed = failuresOf(file).map(shown);
    // Servers that the file started for itself.
    return failed.length === 0 ? [] : [...failed, ...logs(folder, pathOf(file).replaceAll(/[^\w.-]+/g, '-'))];
  });
  if (!isWhole) parts.unshift(shown({ title: WHOLE_RUN, message: stopped(report) }));
  return parts.length === 0 ? [] : [...parts, ...logs(folder, 'shared')];
}

function names(run) {
  const all = run.report.testResults.flatMap(failuresOf);
  if (!run.isWhole) all.unshift({ title: WHOLE_RUN });
  return all.map((failure) => named(run, failure));
}

function stopped({ testResults }) {
  const unfinished = testResults.filter(({ status }) => status === 'unfinished');
  const files = unfinished.map((file) => {
    const last = file.assertionResults.at(-1);
    return `  ${pathOf(file)}, ${last === undefined ? 'in its first test' : `after "${last.fullName}"`}`;
  });
  const had = `Of ${testResults.length} files that had begun, ${files.length} had not ended`;
  return [`It left no report: it was stopped, or crashed. ${had}${files.length === 0 ? '.' : ':'}`, ...files].join(
    '\n',
  );
}

let passed = 0;
let failed = 0;
for (const { isWhole, report } of runs) {
  passed += report.numPassedTests;
  failed += report.numFailedTests + report.numRuntimeErrorTestSuites + (isWhole ? 0 : 1);
}
const parts = [...runs.filter(({ isWhole }) => isWhole).map(slowest), ...runs.flatMap(failures)];
const allNames = runs.flatMap(names);
if (allNames.length > NAMED_FAILURES) {
  allNames.splice(NAMED_FAILURES, Infinity, `and ${allNames.length - NAMED_FAILURES} more`);
}
if (allNames.length > 0) parts.push(allNames.join('\n'));
for (const part of parts) process.stdout.write(`${part}\n\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
