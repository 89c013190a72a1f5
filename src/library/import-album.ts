/** Puts what an import finds into an album: new items, and those that are here already. */

import type { Album, Albums } from '../catalog/albums.ts';
import type { Reader } from '../catalog/visibility.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { ImportRequest, ImportSummary } from './import.ts';

/** Items that are put into the album together. */
const AT_ONCE = 100;
const TITLE_LENGTH = 500;

/**
 * Runs an import, and puts its items into the album of the request as it goes on. A second run puts in what an earlier
 * one that was ended did not.
 *
 * @throws HedgerowError INVALID where the title is too long, or an item would be in too many albums
 */
export async function importIntoAlbum(
  albums: Pick<Albums, 'titled' | 'byId' | 'create' | 'update'>,
  request: ImportRequest,
  run: (request: ImportRequest) => Promise<ImportSummary>,
): Promise<ImportSummary> {
  if (request.album === undefined) return run(request);
  const albumId = await findOrCreate(albums, request.album, request.ownerId ?? null);
  const found = new Set<string>();
  const flush = async () => {
    const add = [...found];
    found.clear();
    if (add.length > 0) await albums.update(albumId, { add });
  };
  try {
    return await run({
      ...request,
      onFile: async (file) => {
        if (file.itemId !== null) found.add(file.itemId);
        if (found.size >= AT_ONCE) await flush();
        await request.onFile?.(file);
      },
    });
  } finally {
    await flush();
  }
}

async function findOrCreate(
  albums: Pick<Albums, 'titled' | 'byId' | 'create'>,
  wanted: string,
  ownerId: string | null,
): Promise<string> {
  const reader: Reader = { kind: 'USER', userId: ownerId };
  const isLocal = (album: Album | null | undefined) => (album?.source === 0 ? album : null);
  const known =
    isLocal((await albums.byId(reader, [wanted])).get(wanted)) ?? (await albums.titled(reader, wanted));
  if (known !== null) return known.id;
  const title = wanted.trim();
  if (title === '' || Array.from(title).length > TITLE_LENGTH) {
    throw new HedgerowError('INVALID', `The title of an album has 1 to ${TITLE_LENGTH} characters.`, {
      field: ['album'],
    });
  }
  return albums.create({ title, description: null, visibility: 'INSTANCE', ownerId, items: [] });
}
