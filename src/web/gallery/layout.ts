/**
 * Justified rows: every picture of a row as high as the others, and the row as wide as the page. Numbers only, no
 * document: a hundred thousand items are laid out before any of them is drawn.
 */

/** What is known of an item; undefined where it is not here yet. */
export interface Shape {
  /** Width by height. */
  aspect: number;
  /** The camera's day, `2024-03-14`. */
  day: string;
}

export interface Measure {
  /** Px of the page. */
  width: number;
  /** Px that a row has about. */
  row: number;
  /** Px between pictures. */
  gap: number;
  /** Px above the first row of a section, for its name; 0 where it has none. */
  head: number;
  /** Px above a row in which a day begins; 0 where days are not told. */
  label: number;
}

export interface Box {
  index: number;
  x: number;
  width: number;
}

export interface Label {
  day: string;
  x: number;
  width: number;
}

export interface Row {
  /** Px from the section's top to the pictures. */
  y: number;
  height: number;
  boxes: Box[];
  /** Days that begin in the row. */
  labels: Label[];
}

export interface Layout {
  rows: Row[];
  height: number;
}

/** What stands in for the shape of an item that is not here: most cameras'. */
const USUAL = 4 / 3;
/** Panoramas and strips are cut to these, so that no row is a line. */
const NARROWEST = 0.5;
const WIDEST = 2.6;
/** A last row that fills this much of the page is stretched like the others. */
const ALMOST = 0.82;

export function layOut(
  start: number,
  count: number,
  shapeOf: (index: number) => Shape | undefined,
  measure: Measure,
): Layout {
  const { width, row: wanted, gap, head, label } = measure;
  const rows: Row[] = [];
  let y = head;
  let day: string | undefined;
  let members: { index: number; aspect: number; day: string | undefined }[] = [];
  let sum = 0;

  const close = (height: number): void => {
    const row: Row = { y: 0, height, boxes: [], labels: [] };
    let x = 0;
    for (const member of members) {
      const across = member.aspect * height;
      if (label > 0 && member.day !== undefined && member.day !== day) {
        day = member.day;
        row.labels.push({ day, x, width: 0 });
      }
      row.boxes.push({ index: member.index, x, width: across });
      x += across + gap;
      const last = row.labels.at(-1);
      if (last !== undefined) last.width = x - gap - last.x;
    }
    // Nothing stands beside the last.
    const last = row.labels.at(-1);
    if (last !== undefined) last.width = Math.max(0, width - last.x);
    if (row.labels.length > 0) y += label;
    row.y = y;
    y += height + gap;
    rows.push(row);
    members = [];
    sum = 0;
  };
  const stretched = (aspects: number, pictures: number): number => (width - gap * (pictures - 1)) / aspects;

  for (let index = start; index < start + count; index++) {
    const shape = shapeOf(index);
    const aspect = Math.min(WIDEST, Math.max(NARROWEST, shape?.aspect ?? USUAL));
    const full = stretched(sum + aspect, members.length + 1);
    // The picture that makes the row too low goes into the next, where the row is nearer to what is wanted without it.
    if (
      members.length > 0 &&
      full < wanted &&
      stretched(sum, members.length) - wanted < (wanted - full) * 1.2
    ) {
      close(stretched(sum, members.length));
    }
    members.push({ index, aspect, day: shape?.day });
    sum += aspect;
    const height = stretched(sum, members.length);
    if (height <= wanted) close(height);
  }
  if (members.length > 0) {
    const height = stretched(sum, members.length);
    close(height <= wanted / ALMOST ? height : wanted);
  }
  return { rows, height: y };
}

/** Px that a section of so many items will have, about. */
export function guessHeight(count: number, { width, row, gap, head, label }: Measure): number {
  const perRow = Math.max(1, width / (USUAL * row + gap));
  const rows = Math.ceil(count / perRow);
  // A day in about every third row, which is what holidays and Sundays make.
  return head + rows * (row + gap) + Math.ceil(rows / 3) * label;
}

/** Of sorted numbers the last that is at most `value`; 0 where none is. */
export function lastAtMost(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((values[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
