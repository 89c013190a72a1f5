import { describe, expect, it } from 'vitest';
import type { Viewer } from '../access/viewer.ts';
import { createStreams } from './streams.ts';

const token = (at: number): Viewer =>
  ({ via: 'token', tokenId: `token_${at}`, user: null, role: 'VIEWER', scopes: [] }) as unknown as Viewer;

describe('places of subscriptions', () => {
  it('are a thousand in one process, whoever has them, and one that is left is another’s', async () => {
    const streams = createStreams();
    const open: (() => void)[] = [];
    for (let at = 0; at < 1_000; at += 1) {
      open.push(await streams.open(token(Math.floor(at / 20)), undefined));
    }
    const full = { code: 'UNAVAILABLE', retryAfter: 30 };
    await expect(streams.open(token(1_000), undefined)).rejects.toMatchObject(full);
    await expect(streams.open(null, '192.0.2.1')).rejects.toMatchObject(full);
    // Whoever has all of his or her own is told that, and not that others have theirs.
    await expect(streams.open(token(0), undefined)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    const [first] = open;
    first?.();
    // Twice is once.
    first?.();
    const again = await streams.open(null, '192.0.2.1');
    await expect(streams.open(null, '192.0.2.2')).rejects.toMatchObject(full);
    again();
  });

  it('are taken before anything is waited for, and given back where other processes have them all', async () => {
    let elsewhere = 0;
    let given = 0;
    const shared = {
      place: async () => {
        if (elsewhere > 0) return null;
        return () => {
          given += 1;
        };
      },
    };
    const streams = createStreams({ perViewer: 2, shared });
    const asked = await Promise.allSettled([1, 2, 3, 4].map(() => streams.open(null, '192.0.2.1')));
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    for (const each of asked) if (each.status === 'fulfilled') each.value();
    expect(given).toBe(2);
    elsewhere = 2;
    for (let at = 0; at < 3; at += 1) {
      await expect(streams.open(null, '192.0.2.1')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    }
    elsewhere = 0;
    (await streams.open(null, '192.0.2.1'))();
  });
});
