/** Exit codes, as in sysexits.h; above 128, as shells have them for the signal that ended a program. */
export const EXIT = {
  usage: 64,
  dataError: 65,
  noInput: 66,
  unavailable: 69,
  software: 70,
  inputOutput: 74,
  noPermission: 77,
  configuration: 78,
  /** SIGINT, as by Ctrl-C. */
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** A mistake of the user's, shown without a stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  constructor(message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}
