/** Texts from elsewhere, made fit to be shown: limits in code points, no control characters. */

// C0, DEL and C1 controls; the bidirectional embeddings, overrides and isolates (Unicode 9, section 23.2), with which
// `photo_gpj.exe` reads as `photo_exe.jpg`; line and paragraph separators; lone surrogates, which no database takes.
const UNWANTED =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const UNWANTED_OVER_LINES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
// Most texts hold none of it; a search without lookaround finds that out several times as fast.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const SUSPECT = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** Whether `text` has at most `max` code points. */
export function fitsCodePoints(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let points = 0;
  for (const _ of text) points++;
  return points <= max;
}

/** `text` without control characters, bidirectional overrides and broken surrogates; line breaks become spaces. */
export function displayLine(text: string): string {
  if (isClean(text)) return text;
  return text.replace(/[\r\n\t]+/g, ' ').replace(UNWANTED, '');
}

/** The same for a text of several lines: `\n` and `\t` stay, `\r\n` becomes `\n`. */
export function displayText(text: string): string {
  if (isClean(text)) return text;
  return text.replace(/\r\n?/g, '\n').replace(UNWANTED_OVER_LINES, '');
}

/** Whether both functions above would leave `text` as it is. */
export function isClean(text: string): boolean {
  return !SUSPECT.test(text) && text.isWellFormed();
}
