// A reporter for jest that writes down what happens when it happens: jest's own report comes at the end, which a run that is
// stopped does not reach. One line of JSON for each beginning and end of a file and each test; .ci/report.mjs reads them.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export default class ProgressReporter {
  #file;

  constructor(_, { file }) {
    this.#file = file;
  }

  onRunStart() {
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, '');
  }

  onTestFileStart({ path }) {
    this.#write({ path });
  }

  onTestCaseResult({ path }, { status, fullName, failureMessages }) {
    this.#write({ path, test: { status, fullName, failureMessages } });
  }

  onTestFileResult({ path }, { testExecError, failureMessage }) {
    // Tests that failed have a line each.
    this.#write({ path, end: { message: testExecError ? failureMessage : '' } });
  }

  #write(line) {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
