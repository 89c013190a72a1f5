/** `hedgerow migrate-to`: moves an instance of one machine to PostgreSQL, and its blobs to another store. */

import type { Command } from 'commander';
import { decideConfig } from '../../config/config.ts';
import { readEnvironment } from '../../config/env.ts';
import type { InstanceMove, InstanceMoveProgress } from '../backend.ts';
import type { CommandContext } from '../context.ts';
import { Failed, UsageError } from '../failure.ts';
import { bytes, count, plural, printable, type Terminal, table } from '../terminal.ts';

interface Options {
  storage?: string;
  leaveDamaged: boolean;
  takeBack: boolean;
  json: boolean;
}

/** ms between two lines where nobody is looking. */
const LINE_EVERY = 10_000;

export function addMigrateTo(program: Command, { terminal, environment, host }: CommandContext): void {
  program
    .command('migrate-to')
    .description(
      'move this instance to PostgreSQL while no server runs; a second run goes on where the first stopped',
    )
    .argument('[url]', 'postgresql://… of an empty database')
    .option('--storage <url>', 'copy the blobs too, to s3://bucket/prefix or the file:… of a folder')
    .option('--leave-damaged', 'move although some blobs are damaged, without these', false)
    .option('--take-back', 'use the file of SQLite again that was moved', false)
    .option('--json', 'print what was moved as JSON', false)
    .action(async (url: string | undefined, { storage, leaveDamaged, takeBack, json }: Options) => {
      const settings = readEnvironment(environment);
      const { config, secrets } = decideConfig(settings);
      if (takeBack) {
        if (url !== undefined || storage !== undefined) {
          throw new UsageError('--take-back moves nothing, so it takes neither a URL nor --storage.');
        }
        const taken = await host.takeBack(config);
        terminal.out(
          json
            ? JSON.stringify(taken)
            : `The file is in use again; what was moved to ${taken.from} at ${taken.at} must be in use no more, for it has the same keys. Peers list this catalog anew.`,
        );
        return;
      }
      if (url === undefined) throw new UsageError('Name the database: postgresql://…');
      const target = decideConfig({
        ...settings,
        HEDGEROW_DATABASE_URL: url,
        ...(storage !== undefined && { HEDGEROW_STORAGE_URL: storage }),
      });
      const stop = new AbortController();
      using _interrupt = terminal.onInterrupt(() => {
        terminal.err('Stopping; Ctrl-C again ends at once.');
        stop.abort();
      });
      let moved: InstanceMove;
      try {
        moved = await host.move({
          config,
          secrets,
          target,
          leaveDamaged,
          signal: stop.signal,
          onProgress: progressLines(terminal),
        });
      } catch (error) {
        if (!stop.signal.aborted) throw error;
        terminal.status(null);
        terminal.err('Stopped. The instance is where it was; the same command goes on from here.');
        throw new Failed();
      }
      terminal.status(null);
      terminal.out(json ? JSON.stringify(moved) : report(moved, storage !== undefined));
    });
}

function progressLines(terminal: Terminal): (progress: InstanceMoveProgress) => void {
  let last = performance.now();
  return (progress) => {
    if (terminal.interactive) terminal.status(progressLine(progress));
    else if (performance.now() - last >= LINE_EVERY) {
      last = performance.now();
      terminal.err(progressLine(progress));
    }
  };
}

function progressLine(progress: InstanceMoveProgress): string {
  switch (progress.step) {
    case 'blobs':
      return `blobs: ${count(progress.done)}, ${bytes(progress.bytes)} copied`;
    case 'index':
      return 'making the search index';
    case 'indexes':
      return `making indexes: ${count(progress.done)} of ${count(progress.total)}`;
    default: {
      const { step, done, total, table: name } = progress;
      const verb = step === 'copy' ? 'copying' : 'comparing';
      return `${verb} ${name}: ${count(done)} of ${plural(total, 'row')}`;
    }
  }
}

function report(
  { outcome, begun, to, tables, zeroCharacters, blobs, catalogs }: InstanceMove,
  stores: boolean,
): string {
  if (outcome === 'already') return `This instance was moved to ${to} already; nothing is left to be done.`;
  const lines: string[] = [];
  if (begun === 'resumed') lines.push('Went on where an earlier run had stopped.');
  if (begun === 'anew') {
    lines.push('Copied everything anew: what an earlier run had copied was no longer what this instance is.');
  }
  const filled = tables.filter(({ rows }) => rows > 0);
  const rows = filled.reduce((sum, each) => sum + each.rows, 0);
  lines.push(
    table(
      ['TABLE', 'ROWS', 'SUM'],
      filled.map((each) => [each.table, each.rows, each.sum.slice(0, 16)]),
    ),
    '',
    `${plural(rows, 'row')} of ${plural(tables.length, 'table')} are in ${to}; read back, counts and sums agree.`,
  );
  if (blobs !== null) {
    lines.push(
      `${plural(blobs.copied, 'blob')} copied (${bytes(blobs.bytes)}), ${count(blobs.present)} were there already.`,
    );
    if (blobs.damagedCount > 0) lines.push(`${plural(blobs.damagedCount, 'damaged blob')} left behind.`);
  }
  for (const { peer, kept, found } of catalogs) {
    const whose = peer === null ? 'What is shared' : `The catalog of ${printable(peer.name)}`;
    const agrees = kept.items === found.items && kept.checksum === found.checksum;
    lines.push(
      agrees
        ? `${whose}: ${plural(found.items, 'item')}, checksum ${found.checksum}, as kept.`
        : `${whose}: ${plural(found.items, 'item')}, checksum ${found.checksum}, and kept are ${count(kept.items)} and ${kept.checksum}, here as before; a pull puts that right.`,
    );
  }
  if (zeroCharacters > 0) {
    lines.push(
      `${plural(zeroCharacters, 'text')} had a zero character, which PostgreSQL cannot keep: U+FFFD is in its place.`,
    );
  }
  lines.push(
    '',
    `Start with HEDGEROW_DATABASE_URL${stores ? ' and HEDGEROW_STORAGE_URL' : ''} set to the new place, and the same data folder or HEDGEROW_MASTER_KEY. The file of SQLite is not used any more; nothing of it was deleted.`,
  );
  return lines.join('\n');
}
