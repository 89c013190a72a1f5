/**
 * Texts as the search index sees them, the same for both databases: folded, then split into words.
 *
 * Folding: compatibility decomposition, without accents (U+0300 to U+036F), lower case; other marks stay,
 * because in many scripts they are vowels. A character of a script without spaces is a word of its own, and a
 * run of them in a query is a phrase. What is asked for is in docs/architecture.md, "Search".
 */
import { HedgerowError } from '../lib/errors.ts';

/** Longest word that is indexed or asked for, in code points; what is longer is cut. */
const WORD_LENGTH = 64;
/** Words of one item that are indexed. PostgreSQL counts positions up to 16,383. */
const WORDS_PER_ITEM = 8_000;
/** PostgreSQL keeps this many positions of one word. */
const POSITIONS_PER_WORD = 255;
/** Stands between two texts of an item, so that no phrase reaches across; no query can hold it. */
const BORDER = '\ue000';
const QUERY_LENGTH = 500;
const QUERY_TERMS = 32;

const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+/gu;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const SPLIT_UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu;

/** What only ASCII has is folded by its case alone. */
const ASCII = /^[\0-\x7f]*$/;

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

/** Code points of a title by which it is sorted. */
const TITLE_KEY = 200;

/** The folded title by which titles are sorted; 200 code points are enough to tell them apart. */
export function titleKey(title: string): string {
  const folded = fold(title);
  return folded.length <= TITLE_KEY ? folded : Array.from(folded).slice(0, TITLE_KEY).join('');
}

export function words(text: string): string[] {
  const found: string[] = [];
  for (const [run] of fold(text).matchAll(WORD)) {
    if (!UNSPACED.test(run)) {
      found.push(cut(run));
      continue;
    }
    for (const [part] of run.matchAll(SPLIT_UNSPACED)) found.push(cut(part));
  }
  return found;
}

export interface SearchableTexts {
  title: string;
  description: string | null;
  filename: string | null;
  creator: string | null;
  tags: readonly string[];
  properties: unknown;
}

/** Every word of an item that can be searched for, in order, with a border between texts. */
export function indexedWords(item: SearchableTexts): string[] {
  const texts = [item.title, item.description, item.filename, item.creator, ...item.tags];
  collectStrings(item.properties, texts, 0);
  const all: string[] = [];
  for (const text of texts) {
    if (text === null || text === '') continue;
    if (all.length > 0) all.push(BORDER);
    all.push(...words(text));
    if (all.length >= WORDS_PER_ITEM) break;
  }
  return all.slice(0, WORDS_PER_ITEM);
}

function collectStrings(value: unknown, into: (string | null)[], depth: number): void {
  if (typeof value === 'string') into.push(value);
  else if (value !== null && typeof value === 'object' && depth < 4) {
    for (const inner of Object.values(value)) collectStrings(inner, into, depth + 1);
  }
}

/** The text that SQLite's index is given. */
export function fts5Text(list: readonly string[]): string {
  return list.join(' ');
}

/** The literal that PostgreSQL's index is given: `'word':1,5 'other':2`. Words hold no quote or backslash. */
export function tsvectorText(list: readonly string[]): string {
  const positions = new Map<string, number[]>();
  list.forEach((word, index) => {
    const at = positions.get(word);
    if (at === undefined) positions.set(word, [index + 1]);
    else if (at.length < POSITIONS_PER_WORD) at.push(index + 1);
  });
  return [...positions].map(([word, at]) => `'${word}':${at.join(',')}`).join(' ');
}

/** One condition of a query: the words stand in this order beside each other. */
interface Term {
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

/** A term in FTS5's query language. Words are quoted, so that AND or NEAR in a text is only a word. */
export function fts5Term(term: Term): string {
  return `"${term.words.join(' ')}"${term.prefix ? ' *' : ''}`;
}

/** A term in the language of tsquery. */
export function tsqueryTerm(term: Term): string {
  return term.words
    .map((word, index) => `'${word}'${term.prefix && index === term.words.length - 1 ? ':*' : ''}`)
    .join(' <-> ');
}

function cut(word: string): string {
  if (word.length <= WORD_LENGTH) return word;
  return Array.from(word).slice(0, WORD_LENGTH).join('');
}
