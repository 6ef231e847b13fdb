/** Handles faults that would otherwise end the process. */
export interface FaultHandlers {
  readonly uncaught: (error: unknown) => void;
  /** Output could not be written: its reader is gone, or the disk is full. */
  readonly unprinted: (error: Error) => void;
}

/** What commands may use of the process; only main.ts builds one. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM: stop gracefully. */
  readonly signal: AbortSignal;
  /** For a command that serves requests. Until it is called, such faults end the process with an exit code. */
  readonly serving: (handlers: FaultHandlers) => void;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
