/** Every text of the admin pages, a group for each section, in one place for whoever translates it. */

import type {
  Audience,
  AuditActorKind,
  CacheMode,
  DiagnosisStep,
  Dialect,
  ErrorCode,
  GrantAccess,
  GrantFieldsFragment,
  MediaKind,
  PullLineFragment,
  Role,
  TokenScope,
} from '../generated/graphql.ts';
import { shared } from '../parts/texts.ts';
import { bytes, count, relative } from '../scripts/words.ts';

/** What to do about it; only where no sentence of the server with this code says that already. */
const ADVICE: Partial<Record<ErrorCode | 'UNREACHABLE', string>> = {
  CREDENTIAL_REFUSED:
    'In the hour after a mutual pairing, wait: the other side has not stored it yet. Else ask its admin for a new invitation, and pair again.',
  CURSOR_EXPIRED: 'Nothing needs to be done; it is read anew once the hour is over.',
  FORBIDDEN: 'Sign in as an admin.',
  GRANT_ENDED: 'Ask its admin to extend it, or for a new invitation.',
  INTEGRITY_FAILED: 'It is fetched anew by itself. Where it stays, tell its admin.',
  INTERNAL: 'Try again. Where it stays, the log of this server says more.',
  PAIRING_ALREADY_PAIRED: 'Nothing needs to be done.',
  PEER_ADDRESS_FORBIDDEN: 'If the address is right, name it yourself as the address of the peer.',
  PEER_INVALID_ANSWER:
    'It, or something in front of it, answers outside the protocol. Bring both servers up to date; where it stays, tell its admin.',
  PEER_RATE_LIMITED: 'Nothing needs to be done; it is asked again later.',
  PEER_TIMEOUT: 'It may be busy, or the way to it slow.',
  PEER_TLS: 'Its admin has to renew or mend the certificate.',
  PEER_UNREACHABLE:
    'Is the other server running, and is its address right? Diagnose says where the way to it ends.',
  QUOTA_EXCEEDED: 'Make room on the disk, or raise the limit.',
  UNAVAILABLE: 'Try again in a moment.',
};

/** What to do about what is wrong with a peer, where that is something else than where somebody has just asked for it. */
const PEER_ADVICE: Partial<Record<ErrorCode, string>> = {
  CLOCK_SKEW: 'Set the clocks; both servers need the time of the network (NTP).',
  PEER_IDENTITY:
    'Another server answers at its address, or a proxy changes answers. Compare the thumbprint below with its admin; if the key was given up there, pair again.',
  PEER_TIMEOUT: 'It may be busy, or the way to it slow. Diagnose says where it ends.',
  PEER_UNREACHABLE:
    'Is the other server running, and is its address right? Diagnose says where the way to it ends.',
  REVOKED: 'What is here of it is hidden, and gone after a day. Ask its admin for a new invitation.',
  PROTOCOL_UNSUPPORTED: 'Bring the older of both servers up to date.',
  SIGNATURE_INVALID: 'A proxy changes the requests: look at what stands before both servers.',
};

const NUMBER = new Intl.NumberFormat('en');
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

const KINDS: Record<MediaKind, string> = { IMAGE: 'Pictures', VIDEO: 'Videos', DOCUMENT: 'Documents' };
const DIALECTS: Record<Dialect, string> = { HEDGEROW: 'Hedgerow', ARTIFEX: 'Artifex', APPKASK: 'AppKask' };
const ACCESS: Record<GrantAccess, { name: string; hint: string }> = {
  ORIGINALS: {
    name: 'The originals too',
    hint: 'The files as they are, with whatever the camera wrote into them.',
  },
  PREVIEWS: {
    name: 'Pictures for a screen',
    hint: 'Thumbnails and previews, which carry no place and no camera.',
  },
  METADATA: { name: 'Only what is known of it', hint: 'Titles, dates and tags; no picture at all.' },
};
const AUDIENCES: Record<Audience, { name: string; hint: string }> = {
  ADMINS: { name: 'Admins', hint: 'Nobody else knows that the peer is there.' },
  USERS: { name: 'Everybody who signs in', hint: 'People with an account here.' },
  ANYONE: { name: 'Anyone', hint: 'Also without signing in, where this server allows that.' },
};
const CACHE_MODES: Record<CacheMode, { name: string; hint: string }> = {
  ON_ACCESS: { name: 'What is looked at', hint: 'Thumbnails ahead, the rest when somebody opens it.' },
  MIRROR: { name: 'Everything', hint: 'Ahead of time, for as long as there is room.' },
  THUMBNAILS: {
    name: 'Thumbnails',
    hint: 'Ahead of time; whatever is larger comes from the peer each time.',
  },
  NONE: { name: 'Nothing', hint: 'Everything comes from the peer each time.' },
};
const STEPS: Record<DiagnosisStep, string> = {
  RESOLVE: 'Find its address',
  CONNECT: 'Connect',
  TLS: 'Trust the certificate',
  DISCOVERY: 'Ask what it is',
  IDENTITY: 'Check its key',
  CLOCK: 'Compare the clocks',
  SIGNATURE: 'Be let in',
  FEED: 'Read its catalog',
  THUMBNAIL: 'Fetch a picture',
};

/** `Pictures and videos`, `a, b or c`. */
function listed(parts: readonly string[], conjunction: 'and' | 'or'): string {
  return new Intl.ListFormat('en', { type: conjunction === 'and' ? 'conjunction' : 'disjunction' }).format(
    parts,
  );
}

/** Of what has been: a clock of the server that is ahead of this one's does not make it something to come. */
function past(at: string, now: number): string {
  return relative(at, Math.max(now, Date.parse(at)));
}

export const texts = {
  ...shared,
  skip: 'Skip to the content',
  admin: 'Administration',
  gallery: 'Gallery',
  toGallery: (instance: string) => `${instance}, gallery`,
  sections: 'Sections',
  needLook: (number: number) => `${count(number, 'peer')} to look at`,
  graphiqlHint: 'Queries with examples',
  loading: 'Loading …',
  more: 'Show more',
  cancel: 'Cancel',
  save: 'Save',
  copy: 'Copy',
  copied: 'Copied.',
  copyByHand: 'It is marked: copy it with Ctrl C, or ⌘ C.',
  never: 'never',
  advice: (code: string): string => ADVICE[code as keyof typeof ADVICE] ?? '',
  adviceOnPeer: (code: ErrorCode): string => PEER_ADVICE[code] ?? ADVICE[code] ?? '',
  items: (number: number) => count(number, 'item'),

  number: (number: number) => NUMBER.format(number),
  percent: (share: number) => PERCENT.format(Math.floor(share * 1000) / 1000),
  moment: (at: string) => MOMENT.format(new Date(at)),
  when: (at: string, now: number) => relative(at, now),
  yes: 'yes',
  no: 'no',
  change: 'Change',
  unitOf: (field: string) => `${field}, unit`,
  notANumber: (field: string) => `${field}: write a whole number.`,

  peers: {
    name: 'Peers',
    none: 'No other server is paired with this one yet.',
    noneHint: 'Invite one, or take up an invitation that its admin has sent you.',
    pair: 'Pair with another server',
    off: 'Federation is switched off (HEDGEROW_FEDERATION): nothing is pulled, and nobody is answered.',
    allWell: (number: number) => (number === 1 ? 'Your peer is well' : `All ${number} peers are well`),
    needYou: (ill: number, all: number) =>
      all === 1
        ? 'Your peer needs a look'
        : `${NUMBER.format(ill)} of ${NUMBER.format(all)} peers ${ill === 1 ? 'needs' : 'need'} a look`,
    summary: (items: number, kept: string) => `${count(items, 'item')} of others here, ${kept} kept.`,
    refreshAll: 'Refresh all',
    refreshing: (number: number) => `${count(number, 'peer')} asked for news.`,
    ended: 'Ended pairings',
    endedAt: (at: string) => `ended ${MOMENT.format(new Date(at))}`,
    here: (number: number) => `${count(number, 'item')} here`,
    part: (share: number) => `${PERCENT.format(Math.floor(share * 1000) / 1000)} of what it shares`,
    seesOurs: (number: number) => `sees ${count(number, 'item')} of ours`,
    never: 'never read',
    read: 'read ',
    held: (number: number) => `${count(number, 'removal')} to decide about`,
  },

  peer: {
    all: 'All peers',
    gone: 'There is no such peer.',
    show: 'See its items',
    refresh: 'Refresh now',
    refreshed: 'Asked for news.',
    pause: 'Pause',
    resume: 'Resume',
    paused: 'Paused. What is here stays; nothing new comes until it is resumed.',
    resumed: 'Resumed.',
    diagnose: 'Diagnose',
    wrong: 'What is wrong',
    since: 'Since ',
    nextTry: 'It is tried again ',
    kept: 'What was fetched before can still be opened.',
    notAgain: 'It is not tried again by itself.',
    running: 'Reading its catalog',
    queued: 'Waiting for its turn',
    progress: (done: number, total: number | null) =>
      total === null ? count(done, 'item') : `${NUMBER.format(done)} of ${count(total, 'item')}`,
    take: 'What comes from it',
    give: 'What goes to it',
    identity: 'Who it is',
    nothingTaken: 'Nothing: this peer only reads from this server.',
    nothingGiven: 'Nothing: it has no leave to read from this server. An invitation gives it.',
    facts: {
      items: 'Items here',
      fresh: 'Last read',
      complete: 'Complete',
      sync: 'In sync',
      lag: 'Behind by',
      attempt: 'Last tried',
      next: 'Next attempt',
      speed: 'An answer takes',
      skipped: 'Left out',
      fetched: 'Fetched in all',
      kept: 'Kept here',
      cache: 'Kept of it',
      audience: 'Who sees it',
      interval: 'Asked for news',
      sees: 'Items it may see',
      grant: 'It may see',
      served: 'Sent in all',
      seen: 'Last asked',
      credential: 'Its credential',
      limits: 'Limits',
      address: 'Address',
      thumbprint: 'Thumbprint',
      make: 'Make',
      paired: 'Paired',
      ended: 'Ended',
    },
    complete: (share: number) =>
      share >= 1 ? 'all of what it shares' : PERCENT.format(Math.floor(share * 1000) / 1000),
    inSync: 'yes: its checksum and ours agree',
    outOfSync: 'no: the copy here does not agree with it; Refresh reads it anew',
    syncUnknown: 'not known yet',
    changes: (number: number) => (number === 0 ? 'nothing' : count(number, 'change')),
    ms: (ms: number) => `${NUMBER.format(Math.round(ms))} ms`,
    skipped: (number: number) => `${count(number, 'item')} that broke a limit`,
    keptOf: (kept: string, budget: string | null) =>
      budget === null ? bytes(kept) : `${bytes(kept)} of ${bytes(budget)}`,
    every: (seconds: number) =>
      `at once where it tells of changes, else every ${seconds % 60 === 0 ? count(seconds / 60, 'minute') : count(seconds, 'second')}`,
    issued: (at: string) => `issued ${MOMENT.format(new Date(at))}`,
    limits: (requests: number, perSecond: string | null, streams: number) =>
      `${count(requests, 'request')} a minute, ${perSecond === null ? 'any speed' : `${bytes(perSecond)} a second`}, ${count(streams, 'file')} at once`,
    verified: 'It has proved that it holds the key. Compare the thumbprint with its admin once.',
    unverified: 'It has no key: nothing proves that it is always the same server.',
    audience: (audience: Audience) => AUDIENCES[audience],
    cacheMode: (mode: CacheMode) => CACHE_MODES[mode],
    dialect: (dialect: Dialect) => DIALECTS[dialect],
    changed: 'Saved.',

    changeTake: 'Change what comes from it',
    fieldName: 'Name here',
    fieldEndpoint: 'Address',
    endpointHint: 'Where it is dialled. Who it is stays bound to its key.',
    fieldInterval: 'Seconds between two looks',
    intervalHint: 'Where it does not tell of changes by itself; 10 to 604,800.',
    fieldBudget: 'Room for its files',
    budgetHint: 'Leave it empty for no limit of its own. What no longer fits goes at once.',
    changeLimits: 'Change its limits',
    fieldRequests: 'Requests a minute',
    fieldSpeed: 'Bytes a second',
    speedHint: 'Leave it empty for no limit.',
    fieldStreams: 'Files at once',
    changeGrant: 'Change what it may see',
    grantHappens:
      'It is in force with its next question. What it no longer may see it is told to remove, and may keep.',

    heldTitle: (number: number, name: string) => `${name} lists ${count(number, 'item')} no longer`,
    heldWhy:
      'So many at once may be a mistake there: a wrong folder, a restored backup. They are shown, but their bytes wait for you.',
    heldAmong: 'Among them:',
    heldRemove: 'Let them go',
    heldKeep: 'Keep them',
    heldRemoveHappens: (number: number, name: string) => [
      `${count(number, 'item')} of ${name} leave this catalog, with what is kept of their bytes.`,
      `Where ${name} lists them again, they come back.`,
    ],
    heldKeepHappens: (number: number, name: string) => [
      `${count(number, 'item')} stay in this catalog, although ${name} lists them no longer.`,
      'Of their bytes only what is kept here can be opened.',
    ],
    heldRemoved: (number: number) => `${count(number, 'item')} removed.`,
    heldKept: (number: number) => `${count(number, 'item')} kept.`,

    pauseTitle: (name: string) => `Pause ${name}?`,
    pauseHappens: (name: string) => [
      'What is here of it stays, and can be looked at.',
      `Nothing new comes from it until you resume. ${name} is not told.`,
      'What it may see of ours does not change.',
    ],

    rotate: 'New credential',
    rotateTitle: (name: string) => `New credential for ${name}?`,
    rotateHappens: (name: string) => [
      `${name} issues a new credential to this server, in place of the one that is held here.`,
      'Nothing is interrupted; the old one works until the new one is used.',
      'Do it where the old one may have been seen by somebody.',
    ],
    rotated: 'A new credential is here.',

    end: 'End the pairing',
    revoke: 'Revoke',
    revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeHappens: (name: string, items: number, kept: string, sees: number | null) => [
      ...(items > 0 ? [`${count(items, 'item')} of ${name} leave this catalog at once.`] : []),
      ...(Number(kept) > 0 ? [`${bytes(kept)} that are kept of it are deleted, unless you keep them.`] : []),
      ...(sees === null
        ? []
        : [
            `${name} gets nothing from here any more; what it has of our ${count(sees, 'item')} is hidden there at once, and gone after a day.`,
          ]),
      `${name} is told for up to a day, and learns it at its next question anyway.`,
    ],
    keepCached: 'Keep its bytes on the disk',
    keepCachedHint: 'Shown to nobody. Pairing again takes them over, and nothing is fetched twice.',
    revoked: (name: string) => `The pairing with ${name} is over.`,
    isRevoked: (at: string | null) =>
      at === null ? 'This pairing has ended.' : `This pairing has ended on ${MOMENT.format(new Date(at))}.`,

    left: 'What is left',
    leftHint: 'Shown to nobody. Pairing again takes it over, and nothing is fetched twice.',
    purgeLeft: 'Delete what is kept',
    purgeHappens: (kept: string) => [
      `${bytes(kept)} are deleted from the disk.`,
      'After pairing again they are fetched anew.',
    ],
    purged: 'Nothing of it is kept any more.',

    history: 'What was read, and when',
    historyNone: 'Nothing has been read from it yet.',
    columns: {
      began: 'Began',
      took: 'Took',
      result: 'Result',
      added: 'New',
      changed: 'Changed',
      removed: 'Gone',
      skipped: 'Left out',
    },
    pullState: (pull: PullLineFragment): string => {
      if (pull.state === 'QUEUED') return 'Waiting';
      if (pull.state === 'RUNNING') return 'Running';
      return pull.state === 'FAILED' ? (pull.error?.message ?? 'Failed') : 'Done';
    },
    took: (ms: number) =>
      ms < 1000 ? `${NUMBER.format(ms)} ms` : `${NUMBER.format(Math.round(ms / 100) / 10)} s`,
  },

  diagnosis: {
    title: (name: string) => `The way to ${name}`,
    step: (step: DiagnosisStep) => STEPS[step],
    running: 'Looking …',
    well: 'The whole way is well.',
    failed: (step: DiagnosisStep) => `The way ends at: ${STEPS[step].toLowerCase()}.`,
    states: { done: 'done', failed: 'failed', running: 'running', waiting: 'waiting', skipped: 'left out' },
    again: 'Look again',
  },

  grant: {
    what: 'What it may see',
    whole: 'Everything that is shared with peers, originals too.',
    narrowed: 'Narrowed to what is chosen here.',
    all: 'Everything that is shared with peers',
    allHint: 'Whatever is shared later, too.',
    some: 'Only some of it',
    kinds: 'Only these kinds',
    kind: (kind: MediaKind) => KINDS[kind],
    tags: 'Only with one of these tags',
    tagsHint: 'Separated by commas.',
    albums: 'Only from these albums',
    noAlbums: 'There are no albums here yet.',
    album: (title: string, number: number) => `${title} (${NUMBER.format(number)})`,
    access: 'How much of each',
    accessOf: (access: GrantAccess) => ACCESS[access],
    until: 'Until',
    untilHint: 'Leave it empty for no end.',
    opens: (number: number) => `Opens ${count(number, 'item')} as of now.`,
    note: 'Only what is shared with peers or with everybody is ever shown; what is private stays so.',
    words: ({ kinds, tags, albums, access, until }: GrantFieldsFragment): string => {
      const parts = [
        kinds === null
          ? null
          : listed(
              kinds.map((kind) => KINDS[kind]),
              'and',
            ) || 'nothing',
        tags === null ? null : tags.length === 0 ? 'nothing' : `tagged ${listed(tags, 'or')}`,
        albums === null
          ? null
          : albums.length === 0
            ? 'nothing'
            : `in ${listed(
                albums.map(({ title }) => title),
                'or',
              )}`,
      ].filter((part) => part !== null);
      const what = parts.includes('nothing')
        ? 'Nothing'
        : parts.length === 0
          ? 'Everything that is shared'
          : parts.join(', ');
      const much =
        access === 'ORIGINALS'
          ? 'with originals'
          : access === 'PREVIEWS'
            ? 'previews, no originals'
            : 'no bytes';
      return `${what.charAt(0).toUpperCase()}${what.slice(1)}; ${much}${until === null ? '' : `; until ${MOMENT.format(new Date(until))}`}`;
    },
  },

  pair: {
    name: 'Pair',
    lead: 'Two servers pair by one string: one admin makes it, the other pastes it, within the hour.',
    invite: 'Invite another server',
    inviteLead: 'Whoever has the string may pair with this server, once.',
    note: 'For whom it is',
    noteHint: 'Only you see it.',
    opens: 'What it opens',
    mutual: 'Ask for their catalog too',
    mutualHint: 'They decide what they share.',
    privateEndpoint: 'They may be on a private network',
    privateHint: 'Their address may lead to one like 192.168…; else it has to be a public one.',
    expires: 'It works for',
    minutes: (number: number) => count(number, 'minute'),
    make: 'Make the invitation',
    made: 'The invitation is made',
    madeLead: 'Send this string to the other admin, over a way that you trust. It is shown only now.',
    code: 'Invitation',
    itOpens: (items: number, placed: number) =>
      `It opens ${count(items, 'item')}${
        placed === 0
          ? '; none of them carries the place where it was taken.'
          : `; ${NUMBER.format(placed)} of them ${placed === 1 ? 'carries' : 'carry'} the place where ${placed === 1 ? 'it was' : 'they were'} taken.`
      }`,
    worksUntil: (at: string) => `It works once, until ${MOMENT.format(new Date(at))}.`,
    another: 'Make another',

    take: 'Take up an invitation',
    takeLead: 'Paste the string that the other admin has sent you.',
    paste: 'Invitation',
    saysFrom: 'It says that it is from',
    saysAddress: 'at',
    saysKey: 'with the key',
    saysHint: 'Whether that is true is checked before anything is shared.',
    wantsBack: 'It asks for your catalog in return.',
    shareBack: 'Share back',
    shareBackHint: 'Else you see their items, and they see none of yours.',
    noBack: 'It asks for nothing in return: you see their items, and they see none of yours.',
    calledHere: 'What to call it here',
    calledHint: 'Empty: as it calls itself.',
    dialOther: 'Another address',
    dialHint:
      'Where the one in the invitation does not lead there from here. Who it is stays bound to its key.',
    more: 'Name and address',
    pairNow: 'Pair',
    asking: (name: string) => `Asking ${name === '' ? 'the other server' : name} …`,
    paired: (name: string) => `Paired with ${name}`,
    onItsWay: 'Its catalog is on the way',
    arrived: (number: number) => `${count(number, 'item')} of it are here.`,
    toPeer: (name: string) => `See ${name}`,

    open: 'Invitations',
    none: 'No invitation has been made yet.',
    columns: { note: 'For', opens: 'Opens', state: 'State', made: 'Made', cancel: 'Action' },
    noNote: 'nobody named',
    states: {
      open: (at: string, now: number) => `open, ends ${relative(at, now)}`,
      used: (at: string, now: number) => `taken up ${past(at, now)}`,
      cancelled: (at: string, now: number) => `cancelled ${past(at, now)}`,
      expired: (at: string, now: number) => `expired ${relative(at, now)}`,
    },
    items: (number: number, placed: number) =>
      placed === 0
        ? count(number, 'item')
        : `${count(number, 'item')}, ${NUMBER.format(placed)} with a place`,
    cancelOne: (note: string) => `Cancel the invitation for ${note}`,
    cancel: 'Cancel',
    cancelTitle: 'Cancel the invitation?',
    cancelHappens: ['Its string works no longer. Whoever pastes it is told that you cancelled it.'],
    cancelIt: 'Cancel it',
    keepIt: 'Keep it',
    cancelled: 'The invitation is cancelled.',

    foreign: 'Servers of another make',
    foreignLead:
      'Artifex and AppKask pair by tokens, and have no keys: nothing proves that they are always the same server.',
    add: 'Read from one',
    addAddress: 'Address',
    addToken: 'Its API key or token',
    addTokenHint: 'As its admin gave it to you; kept sealed here.',
    addMake: 'Make',
    findOut: 'Find out by asking',
    addNow: 'Add',
    credential: 'Let one read from here',
    credentialHint: 'For a server of the make Artifex. Makes a token for it, which is shown once.',
    credentialName: 'What to call it here',
    credentialMake: 'Make the token',
    credentialMade: (name: string) => `The token for ${name}`,
    credentialLead: 'Enter it on the other server. It is shown only now.',
    done: 'Done',
  },

  cache: {
    name: 'Cache',
    lead: 'Bytes of peers’ items that are kept here, so that they come at once and while the peer is away.',
    kept: (of: string, budget: string, items: number) =>
      `${bytes(of)} of ${bytes(budget)} are used, by ${count(items, 'item')}.`,
    pinnedOf: (of: string) => (of === '0' ? 'None of it is pinned.' : `${bytes(of)} of it are pinned.`),
    use: 'Use of the cache',
    perPeer: 'By peer',
    peer: 'Peer',
    bytes: 'Kept',
    budget: 'Budget',
    noBudget: 'that of the whole',
    items: 'Items',
    nothing: 'Nothing is kept of any peer.',
    keptItems: 'What is kept',
    item: 'Item',
    usedAt: 'Last used',
    of: 'Of',
    everyPeer: 'Every peer',
    onlyPinned: 'Only what is pinned',
    noneSuch: 'Nothing is kept of this.',
    gone: 'An item that went just now, or is hidden',
    pinned: 'Pinned',
    pin: 'Pin',
    unpin: 'Unpin',
    pinOf: (title: string) => `Pin ${title}`,
    unpinOf: (title: string) => `Unpin ${title}`,
    nowPinned: (title: string) =>
      `${title} is pinned: what is here of it, and what will be, is never evicted.`,
    nowUnpinned: (title: string) => `${title} is pinned no longer.`,
    delete: 'Delete',
    deleteOf: (title: string) => `Delete what is kept of ${title}`,
    deleteAll: 'Delete everything that is kept',
    deleteItemTitle: 'Delete what is kept of this item?',
    deletePeerTitle: (peer: string) => `Delete what is kept of ${peer}?`,
    deleteAllTitle: 'Delete everything that is kept?',
    happens: (of: string, pinned: boolean) => [
      `${bytes(of)} are freed here. Nothing is deleted where the items are from.`,
      ...(pinned ? ['What is pinned goes too, and is pinned no longer.'] : []),
      'Whoever looks at it next waits until it has come from the peer again; while the peer is away it cannot be shown.',
      'Whoever reads it just now reads on.',
    ],
    deleted: 'What was kept is deleted.',
    find: 'Pin another item',
    findHint: 'Words in its title or tags. Nothing is fetched by pinning: what comes is kept from then on.',
    findButton: 'Search',
    noneFound: 'No item of a peer matches.',
    actions: 'Actions',
  },

  audit: {
    name: 'Audit',
    lead: 'Who did what, and what left for whom, the newest first.',
    parts: 'Whose',
    people: 'People and programs',
    peers: 'Peers',
    all: 'Everything',
    by: 'By',
    anybody: 'Anybody',
    kinds: {
      USER: 'People, in a browser',
      TOKEN: 'Programs and the terminal',
      PEER: 'Peers',
      SYSTEM: 'This server by itself',
      ANONYMOUS: 'Whoever is not known',
    } satisfies Record<AuditActorKind, string>,
    peer: 'Peer',
    anyPeer: 'Any',
    action: 'What',
    actionHint: 'Such as: revokePeer, session.begin',
    from: 'From',
    until: 'Until',
    filter: 'Show',
    clear: 'Clear all',
    at: 'When',
    who: 'Who',
    what: 'What',
    target: 'To what',
    outcome: 'Outcome',
    address: 'From where',
    times: (number: number) => `${count(number, 'time')}`,
    outcomes: { done: 'done', refused: 'refused', failed: 'failed' } as Record<string, string>,
    actors: {
      USER: 'a person',
      TOKEN: 'a program',
      PEER: 'a peer',
      SYSTEM: 'this server',
      ANONYMOUS: 'a stranger',
    } satisfies Record<AuditActorKind, string>,
    service: 'the terminal',
    environment: 'the token of the settings',
    none: 'Nothing of this kind has happened.',
    export: 'Save as a file',
    csv: 'For spreadsheets (CSV)',
    ndjson: 'For programs (NDJSON)',
    exportHint: 'What is filtered above, all of it.',
  },

  people: {
    name: 'People',
    lead: 'Who may sign in here, and what each may do.',
    person: 'Name',
    role: 'Role',
    since: 'Since',
    state: 'State',
    active: 'can sign in',
    shutOut: 'shut out',
    you: 'you',
    roles: { ADMIN: 'Admin', EDITOR: 'Editor', VIEWER: 'Viewer' } satisfies Record<Role, string>,
    roleHints: {
      ADMIN: 'Everything, peers and people included.',
      EDITOR: 'Sees the catalog; adds items, and changes his or her own.',
      VIEWER: 'Sees the catalog.',
    } satisfies Record<Role, string>,
    add: 'Add a person',
    nameField: 'Name',
    nameHint: 'To sign in with.',
    way: 'Password',
    byLink: 'By a link',
    byLinkHint: 'The person sets it. The link works once, for three days.',
    byPassword: 'I set it now',
    byPasswordHint: 'And tell the person, who can change it later.',
    password: 'Password',
    create: 'Add',
    created: (name: string) => `${name} can sign in.`,
    linkFor: (name: string) => `Link for ${name}`,
    linkLead: 'Send it to the person alone: whoever opens it first sets the password. It is shown only now.',
    linkUntil: 'It works once, for three days.',
    done: 'Done',
    back: 'All people',
    noSuch: 'There is no such person any more.',
    change: 'Name and role',
    changed: 'Saved.',
    reset: 'Void the password',
    secondFactor: 'Second factor',
    hasSecond: 'asked for when signing in',
    takeSecond: 'Take the second factor off',
    takeSecondTitle: (name: string) => `Take the second factor off ${name}?`,
    takeSecondHappens: [
      'Signing in asks for the password alone, until the person sets a second factor up anew.',
      'Recovery codes that are left open nothing any more.',
      'Make sure that it is the person who asks you: somebody with a stolen password would ask too.',
    ],
    secondTaken: (name: string) => `${name} signs in with the password alone.`,
    resetTitle: (name: string) => `Void the password of ${name}?`,
    resetHappens: [
      'The password opens nothing from now on, and every browser that is signed in is signed out.',
      'You get a link by which a new one is set. It works once, for three days.',
      'Tokens stay.',
    ],
    resetDone: (name: string) =>
      `The password of ${name} is void. The link for a new one stands under “Access”.`,
    disable: 'Shut out',
    disableTitle: (name: string) => `Shut ${name} out?`,
    disableHappens: [
      'Every browser of this person is signed out at once, and no token works, until you let the person in again.',
      'Items stay where and whose they are.',
    ],
    enable: 'Let in again',
    enabled: (name: string) => `${name} can sign in again; tokens work again too.`,
    disabled: (name: string) => `${name} is shut out.`,
    access: 'Access',
    sessions: 'Where this person is signed in',
    noSessions: 'Nowhere.',
    tokens: 'Tokens of this person',
    noTokens: 'None.',
  },

  sessions: {
    label: 'Browsers that are signed in',
    browser: 'Browser',
    opened: 'Since',
    seen: 'Last seen',
    here: 'this one',
    unknown: 'A program that does not say its name',
    end: 'Sign out',
    endOf: (browser: string) => `Sign out ${browser}`,
    endTitle: 'Sign this browser out?',
    endHappens: ['It is signed out at once; what it is doing just now breaks off.'],
    endOwnHappens: ['It is the browser that you are in: you are led to the sign-in page.'],
    ended: 'It is signed out.',
  },

  tokens: {
    name: 'Tokens',
    lead: 'For programs that act in your name: each may do what its scopes say, and no more than you.',
    none: 'You have no token.',
    token: 'Name',
    begins: 'Begins with',
    scopes: 'May',
    created: 'Made',
    expires: 'Ends',
    never: 'when it is revoked',
    lastUsed: 'Last used',
    neverUsed: 'never',
    revoke: 'Revoke',
    revokeOf: (name: string) => `Revoke ${name}`,
    revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeHappens: [
      'Whatever program uses it is refused from now on, and what it is doing just now breaks off.',
      'It cannot be taken back: make a new one instead.',
    ],
    revoked: (name: string) => `${name} is revoked.`,
    make: 'Make a token',
    makeButton: 'Make',
    nameField: 'Name',
    nameHint: 'What it is for, so that you know it again.',
    mayWhat: 'What it may do',
    scopeNames: {
      CATALOG_READ: 'Read the catalog',
      MEDIA_READ: 'Read pictures, films and papers',
      LIBRARY_WRITE: 'Add, change and delete items',
      FEDERATION_ADMIN: 'Pair with peers and manage them',
      ADMIN: 'Everything',
    } satisfies Record<TokenScope, string>,
    scopeHints: {
      CATALOG_READ: 'Titles, dates, tags, albums.',
      MEDIA_READ: 'Their bytes.',
      LIBRARY_WRITE: 'Where you may yourself.',
      FEDERATION_ADMIN: 'Only of an admin.',
      ADMIN: 'People, tokens and the audit included. Only of an admin.',
    } satisfies Record<TokenScope, string>,
    ends: 'Ends',
    lives: { 30: 'in 30 days', 90: 'in 90 days', 365: 'in a year' } as Record<number, string>,
    onRevocation: 'when it is revoked',
    made: (name: string) => `The token ${name}`,
    madeLead: 'Copy it now: it is kept here as a hash alone, and cannot be shown again.',
    madeUse: 'A program sends it as the header “Authorization: Bearer …”.',
    theToken: 'Token',
  },

  agents: {
    name: 'Agents',
    lead: 'Automated agents that this server tells its peers of, and those that peers tell of. Nothing of what they say is fetched or run.',
    own: 'Of this server',
    none: 'Peers are told of none.',
    ofPeers: 'Of peers',
    noneOfPeers: 'No peer tells of any.',
    skills: (skills: readonly string[]) => skills.join(', '),
    version: (version: string) => `Version ${version}`,
    add: 'Add an agent',
    edit: 'Change',
    editOf: (name: string) => `Change ${name}`,
    remove: 'Remove',
    removeOf: (name: string) => `Remove ${name}`,
    removeTitle: (name: string) => `Remove ${name}?`,
    removeHappens: ['Peers are told of it no longer. The agent itself is not touched.'],
    nameField: 'Name',
    description: 'What it is for',
    url: 'Where it is found',
    urlHint: 'An address with http or https.',
    versionField: 'Version',
    skillsField: 'What it can do',
    skillsHint: 'With commas between.',
    publish: 'Publish',
    published: 'Peers are told of it when they next ask.',
    off: 'Federation is switched off in the settings of this server, so no peer is told of anything.',
  },

  settings: {
    name: 'Settings',
    lead: 'What this server is. It is set by its environment when it starts; docs/operating.md says by which variables.',
    instance: 'This server',
    called: 'Name',
    calledHint: 'HEDGEROW_NAME',
    version: 'Version',
    publicUrl: 'Address',
    publicUrlHint: 'HEDGEROW_PUBLIC_URL',
    id: 'Id',
    federation: 'Federation',
    on: 'on',
    off: 'off: nobody is pulled from and nobody is served',
    media: 'Own items',
    key: 'Key',
    thumbprint: 'Thumbprint',
    thumbprintHint:
      'Read it to the admin of a peer over another way than this, where the two of you want to be sure of each other.',
    rotate: 'Change the key',
    rotateTitle: 'Change the key of this server?',
    rotateHappens: (peers: number) => [
      'A new key is made, and the former one erased. It cannot be brought back.',
      peers === 0
        ? 'There is no peer that has to follow.'
        : `${count(peers, 'peer')} ${peers === 1 ? 'follows' : 'follow'} by itself when it is next in touch; until then it may show trouble.`,
      'Invitations that are open are cancelled.',
      'The thumbprint is another one from then on.',
      'Where the key was stolen, this does not help: whoever has it could follow too. Revoke the peers and pair again.',
    ],
    rotateSure: 'I know that the former key is erased.',
    rotateUnsure: 'Say that you know it, with the box above.',
    rotated: 'The key is changed.',
    documents: 'For programs',
    graphql: 'GraphQL schema',
    openapi: 'OpenAPI document',
    graphiqlLink: 'GraphiQL, with examples to try',
  },
} as const;
