/** What a message may hold. Server and puller use the same numbers (docs/federation.md, "Limits"). */

/** Texts in code points, sizes in bytes, lists in entries. */
export const LIMITS = {
  title: 500,
  description: 10_000,
  filename: 255,
  tag: 100,
  tags: 200,
  creator: 500,
  license: 500,
  mimeType: 127,
  albumTitle: 500,
  albums: 100,
  variants: 8,
  /** Bytes of JSON in UTF-8. */
  properties: 32 * 1024,
  /** Levels of nesting in `properties`. */
  propertiesDepth: 16,
  /** 256 GiB. */
  size: 2 ** 38,
  /** Pixels a side. */
  dimension: 1_000_000,
  /** Milliseconds; about 31 years. */
  duration: 1e12,
  pages: 1_000_000,
  /** Base64 characters; a ThumbHash has at most 25 bytes. */
  thumbhash: 64,
  /** Minutes either side of UTC. */
  offset: 18 * 60,
  /** Names of instances and of software. */
  name: 200,
  /** Entries of one list of a grant. */
  grantList: 1000,
  agents: 100,
  skills: 100,
  protocols: 20,
  capabilities: 100,
} as const;

/** Items and removals of one page of the feed. */
export const PAGE_MAX = 5000;
export const PAGE_DEFAULT = 1000;
/** Bytes, decoded: where a server ends a page, and what a puller takes at most. */
export const PAGE_BYTES = 8 * 1024 * 1024;
export const ANSWER_BYTES = 16 * 1024 * 1024;
/** Bytes of the body of a request. */
export const REQUEST_BYTES = 256 * 1024;
/** Levels of nesting of any JSON of this protocol. */
export const JSON_DEPTH = 32;
/** Bytes of a list of segment digests: 2^20 segments of 32 bytes. */
export const SEGMENT_LIST_BYTES = 32 * 1024 * 1024;
/** How far `behind` counts. */
export const BEHIND_MAX = 10_000;
