/** Times as they are written between instances: RFC 3339, narrowed to what every database takes. */

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]00:00)$/;
const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** `2026-11-20T08:15:30.5Z`: a date-time of RFC 3339 in UTC, of the years 1 to 9999, without leap seconds. */
export function isUtcTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 36 && UTC.test(value) && isOnCalendar(value);
}

/** `2026-11-20T08:15:30`: the same without an offset, as a camera's clock shows it. */
export function isLocalTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 30 && LOCAL.test(value) && isOnCalendar(value);
}

function isOnCalendar(text: string): boolean {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (year === 0 || twoDigits(text, 11) > 23 || twoDigits(text, 14) > 59 || twoDigits(text, 17) > 59)
    return false;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= (DAYS[month - 1] ?? 0) + (leap ? 1 : 0);
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
}
