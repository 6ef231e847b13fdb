/** What commands may use of the process; only main.ts builds one. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM: stop gracefully. */
  readonly signal: AbortSignal;
  /** Registers a listener for uncaught errors. Until then, they end the process with exit code 70. */
  readonly onUncaught: (listener: (error: unknown) => void) => void;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
