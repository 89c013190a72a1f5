/** What is wrong with the bytes of a peer's item, as its row keeps it until the item changes or good bytes are here. */
import type { Database } from '../database/database.ts';
import type { Processes } from '../database/processes.ts';
import { sql } from '../database/sql.ts';
import type { Code } from '../lib/errors.ts';
import { finishChange } from './state.ts';

export interface Faults {
  /** Of an item of a peer; nothing happens where it is known already. */
  note(itemKey: number, code: Code): void;
  /** All of a file is here and right. */
  clear(itemKey: number): void;
}

export interface FaultsOptions {
  database: Database;
  processes: Pick<Processes, 'tell' | 'hear'>;
  now: () => number;
  onError: (error: unknown) => void;
}

/** Reads which items have a fault; afterwards a file that arrives whole costs no statement unless its item has one. */
export async function createFaults({ database, processes, now, onError }: FaultsOptions): Promise<Faults> {
  const faulty = new Set<number>();
  const read = async (): Promise<void> => {
    const rows = await database.read.all<{ key: number }>(
      sql`SELECT key FROM items WHERE fault IS NOT NULL AND source <> 0`,
    );
    for (const { key } of rows) faulty.add(key);
  };
  // What another process has found wrong may be here whole before anybody asks that one.
  processes.hear('fault', (key) => {
    if (key === null) read().catch(onError);
    else faulty.add(Number(key));
  });
  await read();
  const put = (itemKey: number, code: Code | null): void => {
    database
      .write(async (tx) => {
        const changed = await tx.run(
          code === null
            ? sql`UPDATE items SET fault = NULL WHERE key = ${itemKey} AND fault IS NOT NULL`
            : sql`UPDATE items SET fault = ${code} WHERE key = ${itemKey} AND source <> 0 AND fault IS NULL`,
        );
        if (changed > 0) await finishChange(tx, [], [itemKey], now());
      })
      .catch(onError);
  };
  return {
    note: (itemKey, code) => {
      // A new version of the item has none, so what is remembered here does not say that the row has one.
      faulty.add(itemKey);
      processes.tell('fault', String(itemKey));
      put(itemKey, code);
    },
    clear: (itemKey) => {
      if (faulty.delete(itemKey)) put(itemKey, null);
    },
  };
}
