import { describe, expect, it } from 'vitest';
import { WHOLE_GRANT } from '../grants.ts';
import type { StatusAnswer } from '../wire/messages.ts';
import { learned } from './remote-status.ts';

const told = (protocols: string[], capabilities: string[] = [], version = '1'): StatusAnswer => ({
  cursor: 'AAAA',
  total: 0,
  checksum: '0000000000000000',
  grant: WHOLE_GRANT,
  serverTime: '2026-11-20T12:00:00Z',
  software: { name: 'Hedgerow', version },
  protocols,
  capabilities,
});

describe('what a peer says of itself', () => {
  it('is added to what it said before, and takes nothing of that away', () => {
    const first = learned(null, told(['1', '2'], ['events'], '2'), 1);
    const second = learned(first, told(['1'], [], '1'), 2);
    expect(second).toEqual({
      software: { name: 'Hedgerow', version: '1' },
      protocols: ['1', '2'],
      capabilities: ['events'],
      at: 2,
    });
  });

  it('does not grow without bounds, however often it says something else', () => {
    let status = learned(null, told(['1']), 0);
    for (let i = 0; i < 50; i++) {
      status = learned(
        status,
        told(
          [`p${i}`],
          Array.from({ length: 100 }, (_, j) => `${i}-${j}`),
        ),
        i,
      );
    }
    expect(status.protocols).toHaveLength(20);
    expect(status.protocols[0]).toBe('1');
    expect(status.capabilities).toHaveLength(100);
  });
});
