import { expect, it } from 'vitest';
import { makeInvitationCode, newInvitation } from '../src/federation/pairing/invitation-code.ts';
import { readCode } from '../src/web/admin/invitation-code.ts';

const SAID = {
  name: 'Gärten & Küste „1“',
  url: 'https://garden.example/photos',
  thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  mutual: true,
};

it('reads what a code says, however it was sent', () => {
  const code = makeInvitationCode({ ...newInvitation(), ...SAID });
  expect(readCode(code)).toEqual(SAID);
  expect(readCode(`  ${code.slice(0, 40)}\n${code.slice(40)}\u200b`)).toEqual(SAID);
});

it('shows nothing that turns round or hides what stands beside it, and no end of it', () => {
  const text = Buffer.from(
    JSON.stringify({ ...SAID, name: `G\u202earden\u0000\u200b${'n'.repeat(1000)}` }),
  ).toString('base64url');
  expect(readCode(`hedgerow_pair_${text}.00000000`)?.name).toBe(`Garden${'n'.repeat(294)}`);
});

it('says nothing of what is no code', () => {
  const text = (value: unknown) =>
    `hedgerow_pair_${Buffer.from(JSON.stringify(value)).toString('base64url')}.00000000`;
  for (const pasted of [
    '',
    'hedgerow_pair_',
    'hedgerow_pair_!!!.00000000',
    'hedgerow_pair_AAAA.00000000',
    'hedgerow_pair__w.00000000',
    text(null),
    text([]),
    text({ ...SAID, name: 1 }),
    text({ ...SAID, mutual: 'yes' }),
  ]) {
    expect(readCode(pasted), pasted).toBeNull();
  }
});
