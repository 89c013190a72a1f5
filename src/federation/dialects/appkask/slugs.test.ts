import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isId } from '../../wire/forms.ts';
import { idOfSlug, slugOfId } from './slugs.ts';

describe('the id of a slug', () => {
  it('is the slug itself where that is an id', () => {
    expect(idOfSlug('summer-2026')).toBe('summer-2026');
    expect(slugOfId('summer-2026')).toBe('summer-2026');
  });

  it.each(['äpfel', 'a/b', '-x', 'with space', '..', 'slug_abc', 'a?b#c', 'é'])(
    'is another, safe one for %j, and leads back',
    (slug) => {
      const id = idOfSlug(slug) ?? '';
      expect(isId(id)).toBe(true);
      expect(id).not.toBe(slug);
      expect(slugOfId(id)).toBe(slug);
    },
  );

  it('is none for what is empty, broken or too long', () => {
    for (const slug of ['', '\ud800', 'ä'.repeat(60), 'a'.repeat(129)]) expect(idOfSlug(slug)).toBeNull();
  });

  it('is always safe, always leads back, and is shared by no two slugs', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.string({ maxLength: 60 }),
        (one, other) => {
          const id = idOfSlug(one);
          if (id === null) return;
          expect(isId(id)).toBe(true);
          expect(slugOfId(id)).toBe(one);
          if (one !== other) expect(idOfSlug(other)).not.toBe(id);
        },
      ),
    );
  });

  it('that nobody made leads nowhere', () => {
    for (const id of ['slug_', 'slug_abc', 'slug_YQ', '../x']) expect(slugOfId(id)).toBeNull();
  });
});
