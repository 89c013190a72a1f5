/**
 * Rows of a database of which each value is made where somebody reads it. A list of them can be written without that: whoever writes
 * it finds the cells, and how a value is made of each.
 */

/** As the driver gives it. PostgreSQL gives numbers and booleans as texts (`database/records.ts`). */
export type Cell = string | number | null;

export interface RowColumn {
  /** Its place among the cells. */
  at: number;
  /** Makes the value of a cell that is not null; undefined: the cell is the value. */
  read: ((cell: string | number) => unknown) | undefined;
  /** The cell is the value's JSON, as `JSON.stringify` writes it. */
  isJson: boolean;
}

/** The columns of rows that were read together, by their names. */
export type RowLayout = ReadonlyMap<string, RowColumn>;

export abstract class Row {
  readonly cells: readonly Cell[];
  /** Of what was made of them: it is made once. */
  #made: unknown[] | null = null;

  constructor(cells: readonly Cell[]) {
    this.cells = cells;
  }

  abstract get layout(): RowLayout;

  protected valueAt(at: number, read: (cell: string | number) => unknown): unknown {
    const cell = this.cells[at] as Cell;
    if (cell === null) return null;
    this.#made ??= [];
    this.#made[at] ??= read(cell);
    return this.#made[at];
  }
}

/** A kind of row that has the value of each column under its name. */
export function rowClass(layout: RowLayout): new (cells: readonly Cell[]) => Row {
  class LaidOut extends Row {
    get layout(): RowLayout {
      return layout;
    }
  }
  for (const [name, { at, read }] of layout) {
    Object.defineProperty(LaidOut.prototype, name, {
      get(this: LaidOut): unknown {
        return read === undefined ? this.cells[at] : this.valueAt(at, read);
      },
    });
  }
  return LaidOut;
}
