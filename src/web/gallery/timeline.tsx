/**
 * The items in justified rows, of which only those near the window are in the document. Whatever changes above what is
 * looked at, the picture under the eye stays where it is: the scroller is moved with it.
 */

import {
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { guessHeight, type Layout, lastAtMost, layOut, type Measure, type Row } from './layout.ts';
import { dayOf, type Listing, type Section } from './listing.ts';
import { Scrubber } from './scrubber.tsx';
import { texts } from './texts.ts';
import { Tile } from './tile.tsx';
import { useVersion } from './use-listing.ts';

export interface TimelineProps {
  listing: Listing;
  hrefOf: (id: string) => string;
  onOpen: (index: number) => void;
  picked: ReadonlySet<string>;
  /** About to be deleted. */
  leaving: ReadonlySet<string>;
  onPick: (index: number, range: boolean) => void;
  /** Index that the viewer stands at: kept in sight, and focused once the viewer closes. */
  standing: number | null;
  /** What stands above the rows, and scrolls with them. */
  children: React.ReactNode;
}

/** The row under the eye: an item of it, and px from the window's top to the row's. */
interface Anchor {
  id: string | undefined;
  index: number;
  offset: number;
}

/** Heights of windows that are drawn above and below. */
const OVERSCAN = 0.75;
/** Items beyond the drawn ones that are read. */
const MARGIN = 40;
/** Ms that reading waits while the scroller flies. */
const FLYING = 90;

export function Timeline(props: TimelineProps) {
  const { listing, hrefOf, picked, leaving, standing, children } = props;
  const version = useVersion(listing);
  const scroller = useRef<HTMLDivElement>(null);
  const header = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>(guessSize);
  const [top, setTop] = useState(0);
  const [reached, setReached] = useState(0);
  const focusNext = useRef(false);
  const anchor = useRef<Anchor | null>(null);
  const known = useRef<Known | null>(null);

  useLayoutEffect(() => {
    const [outer, above] = [scroller.current, header.current];
    if (outer === null || above === null) return;
    const look = () => {
      const { width, height } = sizeOf(outer);
      const head = above.offsetHeight;
      setSize((before) =>
        before.width === width && before.height === height && before.head === head
          ? before
          : { width, height, head },
      );
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(outer);
    observer.observe(above);
    return () => observer.disconnect();
  }, []);

  const timed = listing.asked.orderBy.field === 'TAKEN_AT';
  const measure = useMemo<Measure>(
    () => ({
      width: Math.max(1, size.width),
      row: size.width < 600 ? 118 : size.width < 1100 ? 178 : 212,
      gap: size.width < 600 ? 3 : 5,
      head: timed ? 58 : 0,
      label: timed ? 30 : 0,
    }),
    [size.width, timed],
  );
  if (known.current?.listing !== listing || known.current.measure !== measure) {
    known.current = begin(listing, measure, version);
  }

  const drawn = useMemo(
    () => draw(known.current ?? begin(listing, measure, version), version, top - size.head, size.height),
    [listing, version, measure, top, size.head, size.height],
  );

  const shown = useRef(drawn);
  const before = useRef(listing);
  /** What is seen now is what has to stay. */
  const remember = useCallback(() => {
    const outer = scroller.current;
    if (outer === null) return;
    const y = outer.scrollTop - size.head;
    // At the very top it is the top that stays, with whatever is new there.
    const first = y <= 0 ? undefined : firstRow(shown.current, y);
    const index = first?.row.boxes[0]?.index;
    anchor.current =
      first === undefined || index === undefined
        ? null
        : { index, id: listing.item(index)?.id, offset: first.y - y };
  }, [listing, size.head]);
  const onScroll = useCallback(() => {
    remember();
    setTop(scroller.current?.scrollTop ?? 0);
  }, [remember]);

  // Before the browser paints: what moved the anchored row moves the scroller too.
  useLayoutEffect(() => {
    const outer = scroller.current;
    shown.current = drawn;
    if (outer === null || size.width === 0) return;
    if (before.current.asked !== listing.asked) {
      // The same asked anew stays where it was; something else begins at its beginning.
      if (JSON.stringify(before.current.asked) !== JSON.stringify(listing.asked)) {
        anchor.current = null;
        outer.scrollTop = 0;
      }
      before.current = listing;
    }
    const held = anchor.current;
    if (held !== null) {
      const index = held.id === undefined ? held.index : (listing.indexOf(held.id) ?? held.index);
      const y = rowOf(drawn, index)?.y;
      const wanted = y === undefined ? outer.scrollTop : Math.round(y + size.head - held.offset);
      if (Math.abs(wanted - outer.scrollTop) > 1) outer.scrollTop = wanted;
    }
    remember();
    setTop(outer.scrollTop);
  }, [drawn, listing, size, remember]);

  const { from, to } = drawn;
  const last = useRef({ from: 0, to: 0 });
  useEffect(() => {
    const near = from <= last.current.to + MARGIN && to >= last.current.from - MARGIN;
    const read = () => {
      last.current = { from, to };
      listing.want(from - MARGIN, to + MARGIN);
    };
    if (near) {
      read();
      return;
    }
    const timer = setTimeout(read, FLYING);
    return () => clearTimeout(timer);
  }, [listing, from, to]);

  const show = useCallback(
    (index: number) => {
      const outer = scroller.current;
      if (outer === null) return;
      const section = sectionOf(listing.sections, index);
      if (section < 0) return;
      const row = rowOf(drawn, index);
      const y = row?.y ?? drawn.tops[section] ?? 0;
      const height = row?.row.height ?? measure.row;
      const at = y + size.head;
      if (at < outer.scrollTop + 48) outer.scrollTop = at - 48;
      else if (at + height > outer.scrollTop + outer.clientHeight) {
        outer.scrollTop = at + height - outer.clientHeight + 8;
      }
      setTop(outer.scrollTop);
    },
    [drawn, listing, measure.row, size.head],
  );

  // The viewer walks; the list goes along, so that it is there when the viewer closes.
  const stood = useRef<number | null>(null);
  useEffect(() => {
    if (standing === stood.current) return;
    const before = stood.current;
    stood.current = standing;
    if (standing !== null) {
      setReached(standing);
      show(standing);
    } else if (before !== null) {
      focusNext.current = true;
      setReached(before);
    }
  }, [standing, show]);

  useEffect(() => {
    if (!focusNext.current) return;
    const link = scroller.current?.querySelector<HTMLElement>(`[data-index="${reached}"]`);
    if (link === null || link === undefined) return;
    focusNext.current = false;
    link.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLElement) || event.target.dataset.index === undefined) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const here = Number(event.target.dataset.index);
    if (event.key === ' ' || event.key === 'x') {
      if (listing.item(here)?.viewerCanUpdate === true) props.onPick(here, event.shiftKey);
      event.preventDefault();
      return;
    }
    const next = stepFrom(drawn, here, event.key, listing.total);
    if (next === undefined) return;
    event.preventDefault();
    focusNext.current = true;
    setReached(next);
    show(next);
  };

  const jump = useCallback(
    (y: number) => {
      const outer = scroller.current;
      if (outer === null) return;
      const at = lastAtMost(drawn.tops, y);
      const section = listing.sections[at];
      outer.scrollTop = y === 0 ? 0 : y + size.head;
      // Where it is a month that is gone to, its beginning stays in sight, whatever its neighbours turn out to need.
      anchor.current =
        y === 0 || section === undefined || Math.abs((drawn.tops[at] ?? 0) - y) > 1
          ? null
          : { id: undefined, index: section.start, offset: measure.head + measure.label };
      setTop(outer.scrollTop);
    },
    [drawn, listing, measure, size.head],
  );

  const reachable = reached >= from && reached < to ? reached : from;
  const first = top <= size.head ? undefined : firstRow(drawn, top - size.head);
  const firstItem = listing.item(first?.row.boxes[0]?.index ?? -1);
  const sticky =
    timed && first !== undefined && firstItem !== undefined ? texts.wholeDay(dayOf(firstItem)) : '';
  return (
    <main className="timeline">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the links in it */}
      <div
        className="scroller"
        id="items"
        ref={scroller}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        tabIndex={-1}
      >
        <div className="above" ref={header}>
          {children}
        </div>
        {size.width === 0 ? null : (
          <div className="sheet" style={{ height: drawn.height }}>
            {drawn.sections.map(({ section, y }) =>
              section.month === null ? null : (
                <h2 key={section.month} className="month" style={{ transform: `translateY(${y}px)` }}>
                  {texts.month(section.month)}
                </h2>
              ),
            )}
            {drawn.rows.map(({ row, y }) =>
              row.labels.map(({ day, x, width }) => (
                <h3
                  key={`${day} ${row.boxes[0]?.index}`}
                  className="day"
                  style={{
                    transform: `translate(${x}px, ${y - measure.label}px)`,
                    width,
                    height: measure.label,
                  }}
                >
                  <span>{texts.day(day)}</span>
                </h3>
              )),
            )}
            {drawn.rows.flatMap(({ row, y }) =>
              row.boxes.map(({ index, x, width }) => {
                const item = listing.item(index);
                return (
                  <Tile
                    key={item?.id ?? index}
                    item={item}
                    index={index}
                    x={x}
                    y={y}
                    width={width}
                    height={row.height}
                    href={item === undefined ? '' : hrefOf(item.id)}
                    reachable={index === reachable}
                    picked={item !== undefined && picked.has(item.id)}
                    picking={picked.size > 0}
                    leaving={item !== undefined && leaving.has(item.id)}
                    onPick={props.onPick}
                    onOpen={props.onOpen}
                    onReach={setReached}
                  />
                );
              }),
            )}
          </div>
        )}
      </div>
      <p className="sticky" aria-hidden="true" hidden={sticky === ''}>
        {sticky}
      </p>
      {timed && listing.sections.length > 1 && drawn.height > size.height * 2 ? (
        <Scrubber
          sections={listing.sections}
          tops={drawn.tops}
          height={drawn.height}
          at={Math.max(0, top - size.head)}
          window={size.height}
          onJump={jump}
        />
      ) : null}
    </main>
  );
}

interface Size {
  width: number;
  height: number;
  /** Of what stands above the rows. */
  head: number;
}

/**
 * That of the scroller which stands there until the rows come, so that they are drawn once, and with the list; zeros where
 * there is none.
 */
function guessSize(): Size {
  const before = document.querySelector('.scroller');
  return before === null ? { width: 0, height: 0, head: 0 } : { ...sizeOf(before), head: 0 };
}

function sizeOf(scroller: Element): Pick<Size, 'width' | 'height'> {
  const { paddingLeft, paddingRight } = getComputedStyle(scroller);
  return {
    width: scroller.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight),
    height: scroller.clientHeight,
  };
}

interface Placed {
  row: Row;
  /** Px from the sheet's top to the pictures. */
  y: number;
}

/** What was found out of the sections, by their place in the list. */
interface Known {
  listing: Listing;
  measure: Measure;
  /** Px of each that was ever near the window. */
  heights: Map<number, number>;
  /** Of those near it now, as of a version of the listing. */
  layouts: Map<number, Layout>;
  version: number;
}

interface Drawn {
  tops: Float64Array;
  height: number;
  sections: { section: Section; y: number; layout: Layout }[];
  /** Those near the window. */
  rows: Placed[];
  /** Their items. */
  from: number;
  to: number;
}

function begin(listing: Listing, measure: Measure, version: number): Known {
  return { listing, measure, heights: new Map(), layouts: new Map(), version };
}

/**
 * What is near the window. Sections that have never been near it have a height that is guessed; where it turns out
 * otherwise all that is below moves, and it is looked again.
 */
function draw(known: Known, version: number, top: number, window: number): Drawn {
  const { listing, measure, heights } = known;
  const { sections } = listing;
  const tops = new Float64Array(sections.length);
  const low = top - window * OVERSCAN;
  const high = top + window * (1 + OVERSCAN);
  // Laid out once for each version, and not for each step of the scroller: a month may be many thousands.
  const before = known.version === version ? known.layouts : new Map<number, Layout>();
  const layouts = new Map<number, Layout>();
  let height = 0;
  for (let settled = false; !settled; ) {
    settled = true;
    height = 0;
    sections.forEach((section, at) => {
      tops[at] = height;
      height += heights.get(at) ?? guessHeight(section.count, measure);
    });
    for (let at = lastAtMost(tops, low); at < sections.length && (tops[at] ?? 0) <= high; at++) {
      const section = sections[at];
      if (section === undefined || layouts.has(at)) continue;
      const layout = before.get(at) ?? layOut(section.start, section.count, listing.shape, measure);
      layouts.set(at, layout);
      if (layout.height !== (heights.get(at) ?? guessHeight(section.count, measure))) settled = false;
      heights.set(at, layout.height);
      if (!settled) break;
    }
  }
  known.layouts = layouts;
  known.version = version;
  const drawn: Drawn = { tops, height, sections: [], rows: [], from: 0, to: 0 };
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const [at, layout] of [...layouts].sort(([a], [b]) => a - b)) {
    const section = sections[at];
    const y = tops[at] ?? 0;
    if (section === undefined || y > high || y + layout.height < low) continue;
    drawn.sections.push({ section, y, layout });
    for (const row of layout.rows) {
      if (y + row.y + row.height < low || y + row.y > high) continue;
      drawn.rows.push({ row, y: y + row.y });
      from = Math.min(from, row.boxes[0]?.index ?? from);
      to = Math.max(to, (row.boxes.at(-1)?.index ?? -1) + 1);
    }
  }
  drawn.from = Math.min(from, to);
  drawn.to = to;
  return drawn;
}

function sectionOf(sections: readonly Section[], index: number): number {
  return sections.findIndex(({ start, count }) => index >= start && index < start + count);
}

function rowOf({ sections }: Drawn, index: number): Placed | undefined {
  for (const { section, y, layout } of sections) {
    if (index < section.start || index >= section.start + section.count) continue;
    const row = layout.rows.find(({ boxes }) => (boxes.at(-1)?.index ?? -1) >= index);
    return row === undefined ? undefined : { row, y: y + row.y };
  }
  return undefined;
}

/** The first that reaches below `top`. */
function firstRow({ rows }: Drawn, top: number): Placed | undefined {
  return rows.find(({ row, y }) => y + row.height > top);
}

/** Where a key leads to from an item; undefined where it is no such key, or there is nothing there. */
function stepFrom(drawn: Drawn, here: number, key: string, total: number): number | undefined {
  const within = (index: number) => (index >= 0 && index < total ? index : undefined);
  if (key === 'ArrowRight') return within(here + 1);
  if (key === 'ArrowLeft') return within(here - 1);
  if (key === 'Home') return within(0);
  if (key === 'End') return within(total - 1);
  if (key !== 'ArrowUp' && key !== 'ArrowDown') return undefined;
  const at = drawn.rows.findIndex(({ row }) => row.boxes.some(({ index }) => index === here));
  const box = drawn.rows[at]?.row.boxes.find(({ index }) => index === here);
  const other = drawn.rows[key === 'ArrowUp' ? at - 1 : at + 1];
  if (box === undefined || other === undefined) return undefined;
  const middle = box.x + box.width / 2;
  return other.row.boxes.reduce((best, one) =>
    Math.abs(one.x + one.width / 2 - middle) < Math.abs(best.x + best.width / 2 - middle) ? one : best,
  ).index;
}
