/** Enums and inputs of media, and how an input becomes a query of the catalog. */

import type { VISIBILITIES } from '../catalog/items.ts';
import type { AVAILABILITIES, CatalogFilter, CatalogOrder, ORDER_FIELDS } from '../catalog/query.ts';
import { builder } from './builder.ts';

export const MediaOrigin = builder.enumType('MediaOrigin', {
  description: 'Which part of the one catalog.',
  values: {
    ALL: { description: 'Items of this instance and of its peers.' },
    LOCAL: { description: 'Items of this instance.' },
    REMOTE: { description: 'Items of peers.' },
  } as const,
});

export const MediaKindEnum = builder.enumType('MediaKind', {
  description: 'What an item is.',
  values: {
    IMAGE: { description: 'A still or animated picture.' },
    VIDEO: { description: 'A moving picture.' },
    DOCUMENT: { description: 'Something with pages.' },
  } as const,
});

export const UrlAccess = builder.enumType('UrlAccess', {
  description: 'What a URL of bytes needs.',
  values: {
    SESSION: { description: 'The cookie or token of the request.' },
    SIGNED: {
      description:
        'Nothing more: valid an hour, for this item, variant and viewer; for img and video elements of other sites.',
    },
  } as const,
});

export const VisibilityEnum = builder.enumType('Visibility', {
  description: "Who may see a local item: its owner; this instance's people; paired peers too; anyone.",
  values: {
    PRIVATE: { description: 'Its owner alone.' },
    INSTANCE: { description: "This instance's people." },
    PEERS: { description: 'Paired peers too.' },
    PUBLIC: { description: 'Anyone.' },
  } as const satisfies Record<(typeof VISIBILITIES)[number], object>,
});

export const AvailabilityEnum = builder.enumType('Availability', {
  description: 'Where the bytes of an item are.',
  values: {
    LOCAL: { description: 'An item of this instance.' },
    CACHED: { description: "A peer's item whose bytes are kept here." },
    PARTIAL: { description: "A peer's item of whose bytes some are kept here." },
    ON_DEMAND: { description: 'Fetched from the peer when asked for.' },
    UNAVAILABLE: { description: 'Not here, and the peer cannot give it now.' },
  } as const satisfies Record<(typeof AVAILABILITIES)[number], object>,
});

const DuplicatesEnum = builder.enumType('Duplicates', {
  description: 'What is done with items that have the same bytes.',
  values: {
    SHOW: { description: 'Each is shown.' },
    COLLAPSE: {
      description:
        "Of those that match one stands for all: this instance's before those of peers, then the one longest here. It has its own place in the order.",
    },
  } as const,
});

export const StorageClassEnum = builder.enumType('StorageClass', {
  description: 'How this instance keeps an original.',
  values: {
    MANAGED: { description: 'Copied into the store.' },
    EXTERNAL: { description: 'Left in its own folder, read only.' },
  } as const,
});

export const OrderDirection = builder.enumType('OrderDirection', {
  description: 'Which end comes first.',
  values: {
    ASC: { description: 'Smallest, oldest or A first.' },
    DESC: { description: 'Largest, newest or Z first.' },
  } as const,
});

export const MediaOrderField = builder.enumType('MediaOrderField', {
  description: 'What media is sorted by.',
  values: {
    TAKEN_AT: { description: "The camera's date; the date of adding where there is none." },
    ADDED_AT: { description: 'When the item was added where it is from.' },
    UPDATED_AT: { description: 'When the item was last changed.' },
    TITLE: { description: 'The title, without regard to case and accents.' },
    BYTE_SIZE: { description: 'Bytes of the original.' },
    RELEVANCE: {
      description:
        'How well the item answers filter.query, which it asks for: what is found in the title counts more than in tags, and in tags more than elsewhere. DESC: the best first.',
    },
  } as const satisfies Record<(typeof ORDER_FIELDS)[number], object>,
});

const TagFilter = builder.inputType('TagFilter', {
  description: 'By tags; each part narrows further.',
  fields: (t) => ({
    any: t.stringList({ description: 'At least one of these.' }),
    all: t.stringList({ description: 'Every one of these.' }),
    none: t.stringList({ description: 'None of these.' }),
  }),
});

export const DateTimeRange = builder.inputType('DateTimeRange', {
  description: 'A span of time.',
  fields: (t) => ({
    gte: t.field({ type: 'DateTime', description: 'From, inclusive.' }),
    lt: t.field({ type: 'DateTime', description: 'Until, exclusive.' }),
  }),
});

const LocalDateTimeRange = builder.inputType('LocalDateTimeRange', {
  description: "A span of time by the camera's clock.",
  fields: (t) => ({
    gte: t.field({ type: 'LocalDateTime', description: 'From, inclusive.' }),
    lt: t.field({ type: 'LocalDateTime', description: 'Until, exclusive.' }),
  }),
});

export const MediaFilter = builder.inputType('MediaFilter', {
  description: 'Narrows the catalog; each field narrows further.',
  fields: (t) => ({
    peerIds: t.idList({ description: 'Only items of these peers.' }),
    kinds: t.field({ type: [MediaKindEnum], description: 'Only these kinds.' }),
    albumIds: t.idList({ description: 'Only items in one of these albums.' }),
    hidden: t.boolean({
      description: 'True: only what an admin hid of peers, and for admins alone. Else what is not hidden.',
    }),
    tags: t.field({ type: TagFilter, description: 'By tags.' }),
    query: t.string({ description: 'Words, prefixes with *, "quoted phrases", -exclusions.' }),
    takenAt: t.field({ type: LocalDateTimeRange, description: "By the camera's clock." }),
    addedAt: t.field({ type: DateTimeRange, description: 'By when the item was added where it is from.' }),
    visibilities: t.field({ type: [VisibilityEnum], description: 'Only local items of these visibilities.' }),
    availability: t.field({
      type: [AvailabilityEnum],
      description: 'Only items whose bytes are so; what has just been fetched may count some seconds later.',
    }),
    duplicates: t.field({
      type: DuplicatesEnum,
      defaultValue: 'SHOW',
      description: 'Whether items with the same bytes are shown as one.',
    }),
  }),
});

export const MediaOrder = builder.inputType('MediaOrder', {
  description: 'An item without takenAt takes the place of its addedAt. Ties are broken by id.',
  fields: (t) => ({
    field: t.field({
      type: MediaOrderField,
      required: true,
      defaultValue: 'TAKEN_AT',
      description: 'What is compared.',
    }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: 'DESC',
      description: 'Which end comes first.',
    }),
  }),
});

export const DEFAULT_ORDER: CatalogOrder = { field: 'TAKEN_AT', direction: 'DESC' };

/** A field that is null narrows nothing, as one that is left out. */
export function catalogFilter(input: typeof MediaFilter.$inferInput | null | undefined): CatalogFilter {
  if (input == null) return {};
  const { peerIds, kinds, albumIds, hidden, tags, query, takenAt, addedAt, visibilities } = input;
  const { availability, duplicates } = input;
  return {
    ...(peerIds != null && { peerIds }),
    ...(kinds != null && { kinds }),
    ...(albumIds != null && { albumIds }),
    ...(hidden != null && { hidden }),
    ...(tags != null && { tags: present(tags) }),
    ...(query != null && { query }),
    ...(takenAt != null && { takenAt: present(takenAt) }),
    ...(addedAt != null && { addedAt: present(addedAt) }),
    ...(visibilities != null && { visibilities }),
    ...(availability != null && { availability }),
    ...(duplicates === 'COLLAPSE' && { duplicates }),
  };
}

/** Without the fields that are null or not given. */
export function present<T extends object>(input: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value != null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
