/** What a command may touch of the process; only main.ts builds one. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM: stop gracefully. */
  readonly signal: AbortSignal;
  /** Has this told what nobody caught, which ends the process until then. */
  readonly onUncaught: (listener: (error: unknown) => void) => void;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
