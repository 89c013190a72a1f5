/** Slugs of AppKask as ids that are safe in every place, and back. */
import { isId } from '../../wire/forms.ts';

/** In front of a slug that is no id by itself, in base64url. */
const ESCAPE = 'slug_';

/** Null where the slug is too long to be written as an id. */
export function idOfSlug(slug: string): string | null {
  if (slug === '' || !slug.isWellFormed()) return null;
  // A slug that looks like an escaped one is escaped too, so that no two slugs have one id.
  if (isId(slug) && !slug.startsWith(ESCAPE)) return slug;
  const id = ESCAPE + Buffer.from(slug).toString('base64url');
  return isId(id) ? id : null;
}

export function slugOfId(id: string): string | null {
  if (!id.startsWith(ESCAPE)) return isId(id) ? id : null;
  const slug = Buffer.from(id.slice(ESCAPE.length), 'base64url').toString();
  return idOfSlug(slug) === id ? slug : null;
}
