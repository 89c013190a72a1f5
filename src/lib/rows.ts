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
  /** Values of cells that are JSON, which are made once. */
  #parsed: unknown[] | null = null;

  constructor(cells: readonly Cell[]) {
    this.cells = cells;
  }

  abstract get layout(): RowLayout;

  protected parsed(at: number, read: (cell: string | number) => unknown, cell: string | number): unknown {
    this.#parsed ??= [];
    this.#parsed[at] ??= read(cell);
    return this.#parsed[at];
  }
}

/** A kind of row that has the value of each column under its name. */
export function rowClass(layout: RowLayout): new (cells: readonly Cell[]) => Row {
  class LaidOut extends Row {
    get layout(): RowLayout {
      return layout;
    }
  }
  for (const [name, { at, read, isJson }] of layout) {
    Object.defineProperty(LaidOut.prototype, name, {
      get(this: LaidOut): unknown {
        const cell = this.cells[at] as Cell;
        if (read === undefined || cell === null) return cell;
        return isJson ? this.parsed(at, read, cell) : read(cell);
      },
    });
  }
  return LaidOut;
}
