/** What a command may do to the terminal, and how it writes tables, sizes and times. */

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';

export interface Terminal {
  /** Results, a line or more; what a script reads. */
  out(text: string): void;
  /** Everything that is said beside the result. */
  err(text: string): void;
  /** Shows a line in the place of the former; null takes it away. Nothing where nobody is looking. */
  status(line: string | null): void;
  /** Whether a person is looking at `err`. */
  readonly interactive: boolean;
  /** All of standard input. */
  input(): Promise<string>;
  /** Asks a person for a secret, without showing what is typed; null where nobody can be asked. */
  secret(question: string): Promise<string | null>;
  /** Calls back at the first Ctrl-C (or SIGTERM); at the second the process ends at once. */
  onInterrupt(callback: () => void): Disposable;
}

export function processTerminal(): Terminal {
  const interactive = process.stderr.isTTY === true;
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write('\r\u001b[K');
    shown = false;
  };
  return {
    interactive,
    out: (text) => {
      clear();
      process.stdout.write(`${text}\n`);
    },
    err: (text) => {
      clear();
      process.stderr.write(`${text}\n`);
    },
    status: (line) => {
      if (!interactive) return;
      clear();
      if (line === null) return;
      // A line that wraps could not be taken away again.
      process.stderr.write([...line].slice(0, (process.stderr.columns ?? 80) - 1).join(''));
      shown = true;
    },
    input: () => readText(process.stdin),
    secret: (question) => {
      clear();
      return process.stdin.isTTY && interactive ? askSecretly(question) : Promise.resolve(null);
    },
    onInterrupt: (callback) => {
      let count = 0;
      const handle = (signal: NodeJS.Signals): void => {
        if (++count === 1) callback();
        // A person who presses Ctrl-C twice means it; a supervisor that repeats SIGTERM would cut answers off.
        else if (signal === 'SIGINT') process.exit(130); // 128 + SIGINT, as shells have it
      };
      process.on('SIGINT', handle).on('SIGTERM', handle);
      return {
        [Symbol.dispose]: () => {
          process.off('SIGINT', handle).off('SIGTERM', handle);
        },
      };
    },
  };
}

/** @throws Error where the person gives up with Ctrl-C */
async function askSecretly(question: string): Promise<string> {
  process.stderr.write(question);
  // The line editor echoes into nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(new Error('given up')));
      lines.once('close', () => reject(new Error('given up')));
    });
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

/** Columns as wide as their widest cell; those of numbers end in line. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell === null ? '–' : String(cell))));
  const numeric = head.map((_, column) => rows.every((row) => typeof (row[column] ?? 0) === 'number'));
  const widths = head.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => [...(row[column] ?? '')].length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const gap = ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length));
        return numeric[column] && rows.length > 0 ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd();
  return [line(head), ...cells.map(line)].join('\n');
}

/** Names come from files and from peers, and a terminal obeys control characters. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return both(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  if (minutes < 2880) return both(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return `${Math.floor(minutes / 1440)} days`;
}

function both(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** How long ago, for people. */
export function ago(time: string | null, now = Date.now()): string {
  return time === null ? 'never' : `${duration((now - Date.parse(time)) / 1000)} ago`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
