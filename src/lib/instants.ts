/** Writing times: of a page of items each has two or three, and most of them share their day with others. */

const DAY = 86_400_000;
/** ms since 1970 until which `Date` goes, and before it. */
const LATEST = 8.64e15;
/** Days whose text is kept, each at the place that its number gives it. */
const DAYS = 4_096;
const numbers = new Float64Array(DAYS).fill(Number.NaN);
const texts: string[] = new Array(DAYS).fill('');
const two = (number: number): string => String(number).padStart(2, '0');
const MINUTES = Array.from({ length: 1_440 }, (_, at) => `${two(Math.floor(at / 60))}:${two(at % 60)}:`);
const SECONDS = Array.from({ length: 60 }, (_, number) => two(number));
const WHOLE_SECONDS = SECONDS.map((text) => `${text}.000`);
const FRACTIONS = Array.from({ length: 1_000 }, (_, ms) => `.${String(ms).padStart(3, '0')}`);

/**
 * `2024-05-31T17:20:05.120`, as `Date.prototype.toISOString` writes it, without the Z.
 *
 * @param whole - what is left out where it is nothing: `.000`
 * @throws RangeError where `Date` knows no such time
 */
export function formatTime(time: number, whole: '' | '.000' = '.000'): string {
  const at = Math.trunc(time);
  if (!(Math.abs(at) <= LATEST)) throw new RangeError('That is no time.');
  const day = Math.floor(at / DAY);
  const place = ((day % DAYS) + DAYS) % DAYS;
  if (numbers[place] !== day) {
    const text = new Date(day * DAY).toISOString();
    texts[place] = text.slice(0, text.indexOf('T') + 1);
    numbers[place] = day;
  }
  const rest = at - day * DAY;
  const minutes = Math.floor(rest / 60_000);
  const ms = rest - minutes * 60_000;
  const seconds = Math.floor(ms / 1_000);
  const fraction = ms - seconds * 1_000;
  const text = `${texts[place]}${MINUTES[minutes]}`;
  // Few pieces: each of them is one more string.
  if (fraction !== 0) return `${text}${SECONDS[seconds]}${FRACTIONS[fraction]}`;
  return text + (whole === '' ? SECONDS[seconds] : WHOLE_SECONDS[seconds]);
}
