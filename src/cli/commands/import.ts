/** `hedgerow import`: takes files and folders into the library. */

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { VISIBILITIES, type Visibility } from '../../catalog/items.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { ImportedFile, ImportProgress, ImportSummary } from '../../library/import.ts';
import type { Backend } from '../backend.ts';
import type { CommandContext } from '../context.ts';
import { Failed } from '../failure.ts';
import { bytes, count, duration, plural, printable, type Terminal } from '../terminal.ts';

/** Files that the summary names; `--json` has all. */
const LISTED = 20;
/** Ms between two lines where nobody is looking. */
const LINE_EVERY = 10_000;

interface Options {
  inPlace: boolean;
  visibility: string;
  tag: string[];
  album?: string;
  owner?: string;
  json: boolean;
}

export function addImport(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('import')
    .description('take files and folders into the library; a second run goes on where the first stopped')
    .argument('<path...>', 'files and folders')
    .option('--in-place', 'leave the originals where they are, and only read them', false)
    .addOption(
      new Option('--visibility <who>', 'who may see them')
        .choices(VISIBILITIES.map((visibility) => visibility.toLowerCase()))
        .default('instance'),
    )
    .option('--tag <tag>', 'a tag for all of them; may be given several times', collect, [])
    .option('--album <album>', 'put them into this album, by title or id; made where there is none')
    .option('--owner <name>', 'whose they are; by default of the one person who has an account')
    .option('--json', 'a line of JSON for each file, and one for the whole', false)
    .action(async (given: string[], { inPlace, visibility, tag, album, owner, json }: Options) => {
      const paths = given.map((path) => resolve(path));
      const stop = new AbortController();
      using _interrupt = terminal.onInterrupt(() => {
        terminal.err('Stopping after what is in work; Ctrl-C again ends at once.');
        stop.abort();
      });
      await using backend = await open();
      const ownerId = await findOwner(backend, owner);
      const refused: ImportedFile[] = [];
      let refusedCount = 0;
      let namedRefused = false;
      const summary = await backend.importFiles({
        paths,
        inPlace,
        visibility: visibility.toUpperCase() as Visibility,
        tags: tag,
        ...(album !== undefined && { album }),
        ownerId,
        signal: stop.signal,
        onProgress: json ? () => {} : progressLines(terminal),
        onFile: (file) => {
          if (json) terminal.out(JSON.stringify({ type: 'file', ...file }));
          if (file.outcome === 'broken' || file.outcome === 'unreadable') {
            refusedCount++;
            if (refused.length < LISTED) refused.push(file);
          }
          if (file.reason !== null && paths.includes(file.path)) namedRefused = true;
        },
      });
      terminal.status(null);
      terminal.out(
        json ? JSON.stringify({ type: 'summary', ...summary }) : report(summary, refused, refusedCount),
      );
      if (summary.error !== null) terminal.err(`hedgerow: ${summary.error.message}`);
      // Among thousands a few are always broken, and are reported; a file that was named itself was meant.
      if (summary.ended !== 'DONE' || namedRefused) throw new Failed();
    });
}

/** The person who is named, or the only one there is; null where there is none, or one of several. */
async function findOwner(backend: Backend, wanted: string | undefined): Promise<string | null> {
  const users = (await backend.accounts.listUsers()).filter((user) => user.disabledAt === null);
  if (wanted === undefined) return users.length === 1 ? (users[0]?.id ?? null) : null;
  const key = wanted.normalize('NFKC').toLowerCase();
  const found = users.find(({ id, name }) => id === wanted || name.normalize('NFKC').toLowerCase() === key);
  if (found === undefined)
    throw new HedgerowError('NOT_FOUND', `There is no account named ${printable(wanted)}.`);
  return found.id;
}

function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

function progressLines(terminal: Terminal): (progress: ImportProgress) => void {
  let last = performance.now();
  return (progress) => {
    if (terminal.interactive) {
      terminal.status(progress.current === null ? null : progressLine(progress));
    } else if (performance.now() - last >= LINE_EVERY && progress.current !== null) {
      last = performance.now();
      terminal.err(progressLine(progress));
    }
  };
}

function progressLine(progress: ImportProgress): string {
  const { done, total, filesPerSecond, bytesPerSecond, secondsLeft, outcomes } = progress;
  const parts = [total === null ? plural(done, 'file') : `${count(done)} of ${plural(total, 'file')}`];
  if (filesPerSecond > 0) parts.push(`${filesPerSecond.toFixed(filesPerSecond < 10 ? 1 : 0)}/s`);
  if (bytesPerSecond > 0) parts.push(`${bytes(bytesPerSecond)}/s`);
  if (secondsLeft !== null) parts.push(`${duration(secondsLeft)} left`);
  const refused = outcomes.broken + outcomes.unreadable;
  if (refused > 0) parts.push(`${count(refused)} not taken`);
  return parts.join(' · ');
}

const MEANING = {
  added: 'new items',
  duplicate: 'are items already',
  unchanged: 'dealt with by an earlier import',
  unsupported: 'kinds of files that are not kept here',
  broken: 'damaged',
  unreadable: 'could not be read; the next import tries them again',
} as const;

function report(summary: ImportSummary, refused: readonly ImportedFile[], refusedCount: number): string {
  const { ended, files, seconds, outcomes } = summary;
  const begin =
    ended === 'DONE' ? 'Went through' : ended === 'STOPPED' ? 'Stopped after' : 'Ended early, after';
  const read = summary.bytes > 0 ? `, ${bytes(summary.bytes)} read` : '';
  const lines = [`${begin} ${plural(files, 'file')} in ${duration(seconds)}${read}.`];
  const width = Math.max(...Object.values(outcomes).map((value) => count(value).length));
  for (const [outcome, meaning] of Object.entries(MEANING)) {
    const value = outcomes[outcome as keyof typeof MEANING];
    if (value > 0) lines.push(`  ${count(value).padStart(width)}  ${outcome.padEnd(11)}  ${meaning}`);
  }
  if (refused.length > 0) lines.push('', 'Not taken:');
  for (const { path, reason } of refused) lines.push(`  ${printable(path)}`, `    ${reason ?? ''}`);
  if (refusedCount > refused.length)
    lines.push(`  … and ${count(refusedCount - refused.length)} more (--json lists all)`);
  if (ended !== 'DONE') lines.push('', 'The same command goes on from here.');
  return lines.join('\n');
}
