import type { Backend, Host } from './backend.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given. */
export interface CommandContext {
  terminal: Terminal;
  environment: NodeJS.ProcessEnv;
  host: Host;
  /** The running server, or the data folder. */
  open(): Promise<Backend>;
}
