/** Handles faults that would otherwise end the process, and warnings that would otherwise be printed in a form of their own. */
export interface FaultHandlers {
  readonly uncaught: (error: unknown) => void;
  /** Output could not be written: its reader is gone, or the disk is full. */
  readonly unprinted: (error: Error) => void;
  /** Node.js warns of something, for example of a package that uses what is deprecated. */
  readonly warned: (warning: Error) => void;
}

/** The reason of an aborted `CliContext.signal`. */
export class StopSignal extends Error {
  override readonly name = 'StopSignal';
  readonly signal: 'SIGINT' | 'SIGTERM';
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** What commands may use of the process; only main.ts builds one. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM, with a `StopSignal`: stop gracefully. */
  readonly signal: AbortSignal;
  /** For a command that serves requests. Until it is called, such faults end the process with an exit code. */
  readonly serving: (handlers: FaultHandlers) => void;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
