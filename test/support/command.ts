/** Commands as the program runs them, in the process of the test. */

import { runCommandLine } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { host } from '../../src/host.ts';

/** @param secrets what a person types when asked */
export async function runCommand(
  words: string[],
  environment: NodeJS.ProcessEnv,
  secrets: readonly string[] = [],
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const typed = [...secrets];
  const terminal: Terminal = {
    interactive: false,
    out: (line) => {
      out += `${line}\n`;
    },
    err: (line) => {
      err += `${line}\n`;
    },
    status: () => {},
    input: async () => '',
    secret: async () => typed.shift() ?? null,
    onInterrupt: () => ({ [Symbol.dispose]: () => {} }),
  };
  const code = await runCommandLine(words, { host, terminal, environment });
  return { code, out, err };
}
