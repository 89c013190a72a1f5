/** Cursors of dialects that have none of their own: where a listing stands, as text for the peer's row. */

export function writeCursor(place: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Null for the start, and for what an earlier version, or another form of the dialect, has left. */
export function readCursor<T>(cursor: string | null, isPlace: (value: unknown) => value is T): T | null {
  if (cursor === null) return null;
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return isPlace(place) ? place : null;
  } catch {
    return null;
  }
}
