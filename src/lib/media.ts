/** The nouns that every room shares: what an item is, and the renditions of one. */

export const MEDIA_KINDS = ['IMAGE', 'VIDEO', 'DOCUMENT'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

/** `playable`: a rendition that browsers play, where the original is not one. */
export const VARIANT_NAMES = ['thumbnail', 'preview', 'playable', 'original'] as const;
export type VariantName = (typeof VARIANT_NAMES)[number];

/** Bytes of a segment, the unit in which long files are fetched, verified and kept (docs/federation.md). */
export const SEGMENT_BYTES = 262_144;

/** Where a file is longer than one segment: how many, and the SHA-256 of their concatenated SHA-256s. */
export interface SegmentList {
  count: number;
  /** `sha-256:<64 hex>` */
  digest: string;
}

/** One rendition of an item as the catalog knows it. */
export interface Variant {
  name: VariantName;
  mimeType: string;
  /** Bytes. */
  size: number;
  /** `sha-256:<64 hex>` */
  digest: string;
  segments?: SegmentList;
  width?: number;
  height?: number;
}

/** The same of an item that a peer offers: not every dialect says how long a file is, or what its digest is. */
export type OfferedVariant = Omit<Variant, 'size' | 'digest'> & {
  size: number | null;
  digest: string | null;
};
