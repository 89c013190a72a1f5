import fc from 'fast-check';

/**
 * Texts of any code points, lone surrogates included, half of them of ASCII. fast-check has a unit `binary` for that,
 * but makes a table of a million entries for it first: seconds in each file of tests.
 */
export function anyText(maxLength = 40): fc.Arbitrary<string> {
  const point = fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0, max: 0x10_ffff }));
  return fc.array(point, { maxLength }).map((points) => String.fromCodePoint(...points));
}
