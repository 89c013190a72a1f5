import fc from 'fast-check';
import { expect, it } from 'vitest';
import { colourOf, placeholder } from './placeholder.ts';

/** Of a green meadow. */
const MEADOW = 'k/cNDYJoZIeIeIh4eIeHd3h4eA==';

it('has a colour and a picture of a ThumbHash', () => {
  expect(colourOf(MEADOW)).toMatch(/^rgb\(\d+ \d+ \d+ \/ [01]\.\d\d\)$/);
  expect(placeholder(MEADOW)).toMatch(/^data:image\/png;base64,/);
  expect(placeholder(MEADOW)).toBe(placeholder(MEADOW));
});

it('throws at nothing that a peer sends for one, and makes no other style of it', () => {
  const texts = fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ maxLength: 40 }).map(base64));
  fc.assert(
    fc.property(texts, (text) => {
      expect(colourOf(text) ?? 'rgb(0 0 0 / 0.00)').toMatch(/^rgb\(\d{1,3} \d{1,3} \d{1,3} \/ [01]\.\d\d\)$/);
      expect(placeholder(text) ?? 'data:image/png;base64,').toMatch(/^data:image\/png;base64,[\w+/=]*$/);
    }),
  );
  expect(placeholder(null)).toBeUndefined();
});

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
