/** Scalars. What they take is checked here, so that resolvers see numbers and not text. */

import { GraphQLError } from 'graphql';
import { formatLocalDateTime, parseLocalDateTime } from '../catalog/items.ts';
import { formatTime } from '../lib/instants.ts';
import { builder } from './builder.ts';
import type { ScalarHints } from './compiled.ts';

builder.scalarType('DateTime', {
  extensions: {
    written: (value: Date | number) =>
      typeof value === 'number' ? `"${formatTime(value)}Z"` : JSON.stringify(value.toISOString()),
  } satisfies ScalarHints,
  description: 'RFC 3339 instant.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => (typeof value === 'number' ? `${formatTime(value)}Z` : value.toISOString()),
  parseValue: (value) => {
    const ms = typeof value === 'string' && RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms))
      throw new GraphQLError('A DateTime is an RFC 3339 instant such as 2024-05-31T17:20:05Z.');
    return ms;
  },
});

builder.scalarType('LocalDateTime', {
  extensions: {
    written: (value: number) => `"${formatLocalDateTime(value)}"`,
  } satisfies ScalarHints,
  description: "Date and time as the camera's clock showed it, without offset.",
  specifiedByURL: 'https://scalars.graphql.org/andimarek/local-date-time.html',
  serialize: (value) => formatLocalDateTime(value),
  parseValue: (value) => {
    const ms = typeof value === 'string' ? parseLocalDateTime(value) : null;
    if (ms === null)
      throw new GraphQLError('A LocalDateTime is written as 2024-05-31T17:20:05, without offset.');
    return ms;
  },
});

builder.scalarType('BigInt', {
  extensions: {
    written: (value: bigint | number) => `"${value}"`,
  } satisfies ScalarHints,
  description: 'Integer of any size, always a decimal string.',
  serialize: (value) => String(value),
  parseValue: (value) => {
    if (typeof value !== 'string' || !/^-?\d{1,30}$/.test(value)) {
      throw new GraphQLError('A BigInt is a decimal string such as "1024".');
    }
    return BigInt(value);
  },
});

builder.scalarType('URL', {
  extensions: {
    written: (value: string) => JSON.stringify(value),
  } satisfies ScalarHints,
  description: 'Absolute or origin-relative URL of this instance.',
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value !== 'string' || value.length > 2_000 || !isUrl(value)) {
      throw new GraphQLError('A URL is absolute, or begins with a slash.');
    }
    return value;
  },
});

builder.scalarType('JSON', {
  extensions: { isJson: true } satisfies ScalarHints,
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: (value) => value,
});

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

function isUrl(text: string): boolean {
  return URL.canParse(text) || (/^\/(?!\/)/.test(text) && URL.canParse(text, 'http://origin.invalid'));
}
