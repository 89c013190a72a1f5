/**
 * Texts as the search index sees them, the same for both databases: folded, then split into words.
 *
 * Folding: compatibility decomposition, without accents (U+0300 to U+036F), lower case. Other marks stay, because in many
 * scripts they are vowels; in Arabic and Hebrew, where most texts do without them, they go, as does what shows nothing
 * of its own. A character of a script without spaces is a word of its own, and a run of them in a query is a phrase; so
 * is each emoji. What is asked for is in docs/architecture.md, "Search".
 */
import { HedgerowError } from '../lib/errors.ts';

/** Changes with what the index holds of a text: an index of another version is made anew at the start. */
export const WORDS_VERSION = 2;

/** Longest word that is indexed or asked for, in code points; what is longer is cut. */
const WORD_LENGTH = 64;
/** Words of one item that are indexed. PostgreSQL counts positions up to 16,383. */
const WORDS_PER_ITEM = 8_000;
/** UTF-16 units of one item that are indexed. PostgreSQL takes about a million bytes, three to a unit at most. */
const UNITS_PER_ITEM = 250_000;
/** PostgreSQL keeps this many positions of one word; further ones are in neither index. */
const POSITIONS_PER_WORD = 255;
/** Stands between two texts of an item, and for what is left out, so that no phrase reaches across; no query can hold it. */
const BORDER = '\ue000';
const QUERY_LENGTH = 500;
const QUERY_TERMS = 32;

const ASCII = /^[\0-\x7f]*$/;
const ASCII_WORD = /[a-z0-9]+/g;

/** Each character a word. */
const CHARACTERS = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}';
/** Each letter a word, with the marks on it. */
const LETTERS = '\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const EMOJI = '(?=\\p{So})[\\p{Extended_Pictographic}\\p{Regional_Indicator}]';
const WORD = new RegExp(
  `[${CHARACTERS}]|[${LETTERS}]\\p{M}*|${EMOJI}|(?:(?![${CHARACTERS}${LETTERS}])[\\p{L}\\p{N}\\p{M}])+`,
  'gu',
);
/** Points of Hebrew and Arabic, what shows nothing of its own, the stroke that stretches Arabic, the frame of keycaps. */
const OPTIONAL = /[[\p{scx=Hebr}\p{scx=Arab}]&&\p{M}]|\p{Default_Ignorable_Code_Point}|\u0640|\u20e3/gv;

export function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll('ς', 'σ')
    .normalize('NFC');
}

/** Code points of a title by which it is sorted: enough to tell titles apart. */
const TITLE_KEY = 200;

/** The folded title by which titles are sorted. */
export function titleKey(title: string): string {
  const folded = fold(title);
  return folded.length <= TITLE_KEY ? folded : Array.from(folded).slice(0, TITLE_KEY).join('');
}

export function words(text: string): string[] {
  const folded = fold(text);
  const found = ASCII.test(folded)
    ? folded.match(ASCII_WORD)
    : // Apart from their letters, so that a letter with a point is found as one without.
      folded.normalize('NFD').replace(OPTIONAL, '').normalize('NFC').match(WORD);
  return found === null ? [] : found.map(cut);
}

export interface SearchableTexts {
  title: string;
  description: string | null;
  filename: string | null;
  creator: string | null;
  tags: readonly string[];
  properties: unknown;
}

/** The parts of the index, and what a term that is found in one counts for where the best are to come first. */
export const PARTS = [
  { name: 'title', weight: 4, label: 'A' },
  { name: 'tags', weight: 2, label: 'B' },
  { name: 'rest', weight: 1, label: 'C' },
] as const;

/** Words of each part, in order, with a border between texts. */
export type IndexedWords = Record<(typeof PARTS)[number]['name'], string[]>;

/** Every word of an item that can be searched for. */
export function indexedWords(item: SearchableTexts): IndexedWords {
  const rest = [item.description, item.filename, item.creator];
  collectStrings(item.properties, rest, 0);
  const seen = new Map<string, number>();
  let left = WORDS_PER_ITEM;
  let units = UNITS_PER_ITEM;
  const indexed = (texts: readonly (string | null)[]): string[] => {
    const all: string[] = [];
    for (const text of texts) {
      if (text === null || text === '' || left <= 0 || units <= 0) continue;
      if (all.length > 0) all.push(BORDER);
      for (const word of words(text)) {
        left -= 1;
        units -= word.length;
        if (left < 0 || units < 0) break;
        const count = (seen.get(word) ?? 0) + 1;
        seen.set(word, count);
        all.push(count > POSITIONS_PER_WORD ? BORDER : word);
      }
    }
    return all;
  };
  return { title: indexed([item.title]), tags: indexed(item.tags), rest: indexed(rest) };
}

function collectStrings(value: unknown, into: (string | null)[], depth: number): void {
  if (typeof value === 'string') into.push(value);
  else if (value !== null && typeof value === 'object' && depth < 4) {
    for (const inner of Object.values(value)) collectStrings(inner, into, depth + 1);
  }
}

/** The texts that SQLite's index is given, a column a part. */
export function fts5Texts(indexed: IndexedWords): string[] {
  return PARTS.map(({ name }) => indexed[name].join(' '));
}

/** The literal that PostgreSQL's index is given: `'word':1A,5B 'other':2A`. Words hold no quote or backslash. */
export function tsvectorText(indexed: IndexedWords): string {
  const positions = new Map<string, string[]>();
  let position = 0;
  for (const { name, label } of PARTS) {
    // No phrase reaches from one part to the next.
    position += 1;
    for (const word of indexed[name]) {
      position += 1;
      if (word === BORDER) continue;
      const at = positions.get(word);
      if (at === undefined) positions.set(word, [`${position}${label}`]);
      else at.push(`${position}${label}`);
    }
  }
  return [...positions].map(([word, at]) => `'${word}':${at.join(',')}`).join(' ');
}

/** One condition of a query: the words stand in this order beside each other. */
export interface Term {
  words: string[];
  /** The last word need only begin so. */
  prefix: boolean;
}

export interface SearchQuery {
  required: Term[];
  excluded: Term[];
}

/**
 * Reads `words`, `prefix*`, `"quoted phrases"` and `-exclusions`.
 *
 * @returns null where nothing is asked for.
 * @throws HedgerowError INVALID where the query is longer than 500 characters or has more than 32 terms.
 */
export function parseSearch(text: string): SearchQuery | null {
  if (text.length > QUERY_LENGTH) {
    throw new HedgerowError('INVALID', `A search has at most ${QUERY_LENGTH} characters.`, {
      field: ['filter', 'query'],
    });
  }
  const query: SearchQuery = { required: [], excluded: [] };
  let asked = false;
  for (const [, minus, quoted, bare] of text.matchAll(/(-)?(?:"([^"]*)"?|([^\s"]+))/g)) {
    asked = true;
    const list = words(quoted ?? bare ?? '');
    // Punctuation alone asks for nothing that could be found; the other terms still count.
    if (list.length === 0) continue;
    const term = { words: list, prefix: bare?.endsWith('*') ?? false };
    (minus === undefined ? query.required : query.excluded).push(term);
  }
  if (query.required.length + query.excluded.length > QUERY_TERMS) {
    throw new HedgerowError('INVALID', `A search has at most ${QUERY_TERMS} terms.`, {
      field: ['filter', 'query'],
    });
  }
  return asked ? query : null;
}

/** A term in FTS5's query language, anywhere or in one part. Words are quoted, so that AND in a text is only a word. */
export function fts5Term(term: Term, part?: (typeof PARTS)[number]): string {
  const column = part === undefined ? '' : `${part.name} : `;
  return `${column}"${term.words.join(' ')}"${term.prefix ? ' *' : ''}`;
}

/** A term in the language of tsquery, anywhere or in one part. */
export function tsqueryTerm(term: Term, part?: (typeof PARTS)[number]): string {
  const label = part?.label ?? '';
  return term.words
    .map((word, index) => {
      const prefix = term.prefix && index === term.words.length - 1 ? '*' : '';
      return `'${word}'${prefix || label ? ':' : ''}${prefix}${label}`;
    })
    .join(' <-> ');
}

function cut(word: string): string {
  if (word.length <= WORD_LENGTH) return word;
  return Array.from(word).slice(0, WORD_LENGTH).join('');
}
