/** Writing times: of a page of items each has two or three, and most of them share their day with others. */

const DAY = 86_400_000;
/** ms since 1970 until which `Date` goes, and before it. */
const LATEST = 8.64e15;
/** Days whose text is kept, each at the place that its number gives it. */
const DAYS = 4_096;
const numbers = new Float64Array(DAYS).fill(Number.NaN);
const texts: string[] = new Array(DAYS).fill('');
const TWO = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/**
 * `2024-05-31T17:20:05.120`, as `Date.prototype.toISOString` writes it, without the Z.
 *
 * @throws RangeError where `Date` knows no such time
 */
export function formatTime(time: number): string {
  const ms = Math.trunc(time);
  if (!(Math.abs(ms) <= LATEST)) throw new RangeError('That is no time.');
  const day = Math.floor(ms / DAY);
  const at = ((day % DAYS) + DAYS) % DAYS;
  if (numbers[at] !== day) {
    const text = new Date(day * DAY).toISOString();
    texts[at] = text.slice(0, text.indexOf('T') + 1);
    numbers[at] = day;
  }
  const rest = ms - day * DAY;
  const seconds = Math.floor(rest / 1_000);
  const minutes = Math.floor(seconds / 60);
  const fraction = String(rest - seconds * 1_000).padStart(3, '0');
  return `${texts[at]}${TWO[Math.floor(minutes / 60)]}:${TWO[minutes % 60]}:${TWO[seconds % 60]}.${fraction}`;
}
