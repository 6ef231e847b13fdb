// What the runs of the tests come to. Plain Node, since the packages may not be installed.
//
//   node .ci/report.mjs FOLDER...    a folder a run, with jest's report.json and the servers' logs below logs/
//
// Prints where the time went; what failed, with the first message of each and how its servers' logs end; and, last,
// "N passed, N failed" over all runs. A run without a report counts as one failure.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

const SLOWEST = 20;
const MESSAGE_LINES = 15;
const LOG_LINES = 12;

const plain = (text) => text.replaceAll(/\u001b\[[0-9;]*m/g, '');
const seconds = (ms) => (ms / 1_000).toFixed(1).padStart(8);
const indented = (lines) => lines.map((line) => `    ${line}`.trimEnd()).join('\n');
const pathOf = ({ name }) => relative(process.cwd(), name);

const runs = process.argv.slice(2).map((folder) => {
  const file = join(folder, 'report.json');
  return { name: basename(folder), folder, report: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null };
});

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

function failures({ name, folder, report }) {
  const shown = ({ title, message }) =>
    `FAILED on ${name}: ${title}\n${indented(plain(message).trim().split('\n').slice(0, MESSAGE_LINES))}`;
  const whole = { title: 'the run as a whole', message: 'It left no report: it was stopped, or crashed.' };
  const parts =
    report === null
      ? [shown(whole)]
      : report.testResults.flatMap((file) => {
          const failed = failuresOf(file).map(shown);
          // Servers that the file started for itself.
          return failed.length === 0 ? [] : [...failed, ...logs(folder, pathOf(file).replaceAll(/[^\w.-]+/g, '-'))];
        });
  return parts.length === 0 ? [] : [...parts, ...logs(folder, 'shared')];
}

let passed = 0;
let failed = 0;
for (const { report } of runs) {
  passed += report?.numPassedTests ?? 0;
  failed += report === null ? 1 : report.numFailedTests + report.numRuntimeErrorTestSuites;
}
const parts = [...runs.filter(({ report }) => report !== null).map(slowest), ...runs.flatMap(failures)];
for (const part of parts) process.stdout.write(`${part}\n\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
