/** The program as a process of its own, as whoever installs it runs it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly out: string;
  readonly err: string;
  /** How it ended, once it has. */
  readonly ended: Promise<Ended>;
  /** The address in the line that says that it is ready. @throws where it ended before */
  ready(): Promise<string>;
  kill(signal: NodeJS.Signals): Promise<Ended>;
}

export function runProgram(words: string[], settings: Record<string, string>): Program {
  const child = spawn(process.execPath, ['src/main.ts', ...words], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, out, err }) as Ended);
  const kill = (signal: NodeJS.Signals): Promise<Ended> => {
    child.kill(signal);
    return ended;
  };
  return {
    child,
    get out() {
      return out;
    },
    get err() {
      return err;
    },
    ended,
    ready: async () => {
      const line = Promise.withResolvers<string>();
      const look = () => {
        const found = / ready on (\S+)\n/.exec(out);
        if (found?.[1] !== undefined) line.resolve(found[1]);
      };
      child.stdout.on('data', look);
      look();
      const early = ended.then(({ code }) => {
        throw new Error(`It ended with ${code} before it was ready: ${err}`);
      });
      early.catch(() => {});
      return Promise.race([line.promise, early]);
    },
    kill,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await kill('SIGKILL');
    },
  };
}
