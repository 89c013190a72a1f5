/** Every text of the gallery, in one place for whoever translates it. */

import type { Availability, MediaKind, Visibility } from '../generated/graphql.ts';
import { shared } from '../parts/texts.ts';
import { bytes, clock, count, lazily, relative, whole } from '../scripts/words.ts';
import type { Sort } from './place.ts';

// Written by hand: the first of a browser's own formats takes tens of milliseconds, just when the rows are to be drawn.
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const decimal = lazily(() => new Intl.NumberFormat('en', { maximumFractionDigits: 1 }));

const KINDS: Record<MediaKind, string> = { IMAGE: 'Pictures', VIDEO: 'Videos', DOCUMENT: 'Documents' };
const KIND: Record<MediaKind, string> = { IMAGE: 'Picture', VIDEO: 'Video', DOCUMENT: 'Document' };
const SORTS: Record<Sort, string> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  added: 'Last added',
  title: 'By title',
  size: 'Largest first',
};
const AVAILABILITY: Record<Availability, string> = {
  LOCAL: 'On this server',
  CACHED: 'Kept here',
  PARTIAL: 'Kept here in part',
  ON_DEMAND: 'On demand',
  UNAVAILABLE: 'Unavailable',
};
const VISIBILITY: Record<Visibility, string> = {
  PRIVATE: 'Only its owner',
  INSTANCE: 'People of this server',
  PEERS: 'This server and paired peers',
  PUBLIC: 'Anyone',
};

const REJECTED: Record<string, string> = {
  'unsupported-media': 'It is no picture, video or document of a kind that is known here.',
  'quota-exceeded': 'There is no room left for it.',
  conflict: 'The same file is here already.',
  'integrity-failed': 'It arrived damaged.',
};

/** A day or a moment, as its own clock says it; what is no date at all, which a peer may send, stays as it is. */
function written(moment: string, write: (parts: DateParts) => string): string {
  const day = /^([+-]\d{6}|\d{4})-\d\d(-\d\d)?/.exec(moment)?.[0];
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return moment;
  return write({
    weekday: WEEKDAYS[date.getUTCDay()] ?? '',
    month: MONTHS[date.getUTCMonth()] ?? '',
    day: date.getUTCDate(),
    year: date.getUTCFullYear(),
  });
}

interface DateParts {
  weekday: string;
  month: string;
  day: number;
  year: number;
}

/** The first letters, as `Thu` and `Mar`. */
const short = (name: string): string => name.slice(0, 3);

export const texts = {
  ...shared,
  skip: 'Skip to the items',
  items: 'Photos',
  albums: 'Albums',
  peers: 'Peers',
  views: 'Views',
  peersIll: (number: number) => `${count(number, 'peer')} with a problem`,
  search: 'Search',
  searchHint: 'Search titles, tags, words',
  clearSearch: 'Clear the search',
  signedInAs: (name: string, role: string) => `${name}, ${role}`,
  admin: 'Administration',
  adminHint: 'Peers, pairing, people',
  graphiqlHint: 'Queries with examples',

  filters: 'Filters',
  from: 'From',
  everything: 'All',
  mine: 'This server',
  kind: 'Kind',
  anyKind: 'All kinds',
  kinds: (kind: MediaKind) => KINDS[kind],
  year: 'Year',
  anyYear: 'All years',
  album: 'Album',
  anyAlbum: 'All albums',
  albumName: (title: string, peer: string | null) => (peer === null ? title : `${title} · ${peer}`),
  tag: 'Tag',
  anyTag: 'All tags',
  counted: (name: string, number: number) => `${name} (${whole(number)})`,
  tagged: (tag: string) => `Tag: ${tag}`,
  remove: (what: string) => `Remove ${what}`,
  clearAll: 'Clear all',
  sort: 'Order',
  sorts: (sort: Sort) => SORTS[sort],

  summary: (own: number, all: number): string => {
    if (all === 0) return 'Nothing is here yet.';
    if (all === own) return `${count(all, 'item')}, all of this server.`;
    const remote = all - own;
    return `${count(all, 'item')} in one catalog: ${whole(own)} of this server, ${whole(remote)} of its peers.`;
  },
  found: (number: number) => (number === 0 ? 'Nothing matches.' : `${count(number, 'item')}.`),
  loading: 'Reading the catalog …',
  nothing: 'Nothing is here yet.',
  nothingHint:
    'Drop pictures, films or PDFs here, or have a whole folder imported in the terminal of the server:',
  nothingMatches: 'Nothing matches.',
  nothingMatchesHint: 'Fewer words or filters show more.',
  signedOut: 'You are signed out.',
  stale: (name: string, reason: string | null, at: string | null, now: number): string => {
    const why = reason === null ? `${name} may show less than it has.` : `${name}: ${sentence(reason)}`;
    return at === null ? `${why} It has never been read.` : `${why} Last read ${relative(at, now)}.`;
  },

  day: (day: string) =>
    written(day, ({ weekday, month, day }) => `${short(weekday)}, ${short(month)} ${day}`),
  wholeDay: (day: string) =>
    written(day, ({ weekday, month, day, year }) => `${weekday}, ${month} ${day}, ${year}`),
  month: (month: string) => written(`${month}-01`, ({ month, year }) => `${month} ${year}`),
  time: (moment: string) => moment.slice(11, 16),
  timeline: 'Items',
  scrubber: 'Go to a month',
  tile: (kind: MediaKind, title: string, parts: (string | null)[]) =>
    [title, KIND[kind].toLowerCase(), ...parts].filter((part) => part !== null && part !== '').join(', '),
  fromPeer: (peer: string) => `from ${peer}`,
  availability: (availability: Availability) => AVAILABILITY[availability],
  length: (milliseconds: number) => clock(milliseconds),
  pages: (number: number) => count(number, 'page'),
  kindOf: (kind: MediaKind) => KIND[kind],

  previous: 'Previous',
  next: 'Next',
  back: 'Back to the list',
  details: 'Details',
  download: 'Download',
  fullScreen: 'Full screen',
  leaveFullScreen: 'Leave full screen',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  pageOf: (number: number, all: number) => `Page ${whole(number)} of ${whole(all)}`,
  openDocument: 'Open the document',
  notShown: 'This browser cannot show it here.',
  cannotBeHad: (peer: string) =>
    `${peer} cannot be reached, and this is not kept here. It opens again once ${peer} is back.`,
  notFound: 'It is not here, or not for you to see.',
  couldNotLoad: 'It could not be loaded.',
  select: (title: string) => `Select ${title}`,
  readOnly: (peer: string) => `From ${peer}, read-only here`,
  ownItem: 'Of this server',
  label: {
    description: 'Description',
    taken: 'Taken',
    added: 'Added',
    file: 'File',
    size: 'Size',
    tags: 'Tags',
    albums: 'Albums',
    origin: 'From',
    availability: 'Where it is kept',
    visibility: 'Who may see it',
    sharedWith: 'Peers that see it',
    owner: 'Owner',
    creator: 'Made by',
    license: 'Licence',
    digest: 'SHA-256',
    copies: 'Who has it too',
    properties: 'From the camera or the file',
  },
  visibility: (visibility: Visibility) => VISIBILITY[visibility],
  nobody: 'None',
  here: 'This server',
  external: 'stays in its folder',
  pixels: (width: number, height: number) =>
    `${whole(width)} × ${whole(height)} px${
      width * height >= 1e6 ? `, ${decimal().format((width * height) / 1e6)} MP` : ''
    }`,
  bytes,
  offset: (minutes: number): string => {
    const sign = minutes < 0 ? '−' : '+';
    const pad = (part: number) => String(part).padStart(2, '0');
    return `UTC${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  },

  keyList: [
    ['← →', 'Previous, next'],
    ['↑ ↓', 'Row above, below'],
    ['Enter', 'Open'],
    ['Esc', 'Close'],
    ['/', 'Search'],
    ['I', 'Details'],
    ['F', 'Full screen'],
    ['D', 'Download'],
    ['+ − 0', 'Zoom in, out, whole picture'],
    ['Space', 'Play, pause'],
    ['?', 'These keys'],
  ] as const,

  upload: 'Upload',
  dropHere: 'Drop files here to upload them',
  uploads: 'Uploads',
  uploadCount: (done: number, all: number) =>
    done === all ? `${count(all, 'file')} uploaded` : `${whole(done)} of ${count(all, 'file')} uploaded`,
  uploadState: {
    waiting: 'Waiting',
    running: 'On its way',
    lost: 'The connection was lost; it goes on by itself',
    done: 'Done',
    failed: 'Not taken',
  },
  uploadFailed: (number: number) => `${count(number, 'file')} not taken`,
  uploadRejected: (code: string) => REJECTED[code] ?? `It was not taken (${code}).`,
  answered: (status: number) => `The server answered ${status}.`,
  cancel: 'Cancel',
  cancelUpload: (name: string) => `Cancel ${name}`,
  retryUpload: (name: string) => `Try ${name} again`,
  percent: (sent: number, size: number) => (size === 0 ? '100 %' : `${Math.floor((sent / size) * 100)} %`),

  selected: (number: number) => `${whole(number)} selected`,
  selection: 'Selection',
  clearSelection: 'Clear the selection',
  whoMaySee: 'Who may see them',
  addToAlbum: 'Add to album',
  newAlbum: 'New album …',
  newAlbumName: 'Name of the new album',
  create: 'Create',
  addTags: 'Add tags',
  tagsToAdd: 'Tags, separated by commas',
  taggedWith: (number: number, tags: readonly string[]) =>
    `${count(number, 'item')} tagged with ${tags.join(', ')}.`,
  delete: 'Delete',
  deleting: (number: number) => `${count(number, 'item')} will be deleted.`,
  undo: 'Undo',
  notDeleted: 'Nothing was deleted.',
  deleted: (number: number) => `${count(number, 'item')} deleted.`,
  nowSeen: (visibility: Visibility, shared: readonly string[], unshared: readonly string[]): string => {
    const who = `Seen by: ${VISIBILITY[visibility].toLowerCase()}.`;
    const have = shared.length > 0 ? ` Shown to ${shared.join(', ')}.` : '';
    const had =
      unshared.length > 0
        ? ` ${unshared.join(', ')} ${unshared.length === 1 ? 'is' : 'are'} told to remove it, and may have kept it.`
        : '';
    return who + have + had;
  },
  addedToAlbum: (album: string) => `Added to ${album}.`,

  edit: 'Edit',
  editTitle: 'Edit the item',
  fieldTitle: 'Title',
  fieldDescription: 'Description',
  fieldTags: 'Tags, separated by commas',
  fieldCreator: 'Made by',
  fieldLicense: 'Licence',
  fieldVisibility: 'Who may see it',
  willRemove: (names: readonly string[]) =>
    `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} it now, will be told to remove it, and may keep it.`,
  shownTo: (names: readonly string[]) => `Shown to ${names.join(', ')} now.`,
  save: 'Save',

  noAlbums: 'There are no albums yet.',
  albumItems: (number: number) => count(number, 'item'),
  alone: 'No other server is paired with this one.',
  alonePair: 'Pair with another server',
  peerItems: (number: number) => count(number, 'item'),
  peerHere: (number: number) => `${count(number, 'item')} of it here, `,
  peerNever: 'never asked with success',
  peerSeen: 'last seen ',
  peerKept: 'What was fetched before can still be opened.',
  peerNextTry: 'Tried again',
  peerSees: (number: number) => `May see ${count(number, 'item')} of ours, `,
  peerNotAsked: 'has not asked yet',
  peerAsked: 'last asked ',
  peerManage: (name: string) => `Manage ${name}`,
  peerBrowse: (name: string) => `Items of ${name}`,
} as const;

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
