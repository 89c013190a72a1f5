import { afterEach, expect, test, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createStanding } from './standing.ts';
import { type Role, type SessionViewer, scopesOf, type Viewer } from './viewer.ts';

const viewer = (sessionId: string, role: Role = 'EDITOR'): SessionViewer => ({
  via: 'session',
  sessionId,
  user: { id: 'user_1', name: 'Ada', role },
  role,
  scopes: scopesOf(role),
});

function create(every = 60_000) {
  const known = new Map<string, Viewer>();
  let asked = 0;
  let broken = false;
  const standing = createStanding({
    standing: async (reference) => {
      asked++;
      if (broken) throw new Error('The database does not answer.');
      return known.get(reference) ?? null;
    },
    referenceOf: (who) => (who.via === 'session' ? who.sessionId : who.tokenId),
    every,
  });
  return {
    known,
    standing,
    asked: () => asked,
    breaks: (now: boolean) => {
      broken = now;
    },
  };
}

afterEach(() => {
  vi.useRealTimers();
});

test('whoever is shut out, or given other rights, is told once; others are not', async () => {
  const { known, standing } = create();
  const ended: string[] = [];
  for (const id of ['a', 'b', 'c']) {
    known.set(id, viewer(id));
    standing.watch(viewer(id), () => ended.push(id));
    standing.watch(viewer(id), () => ended.push(id));
  }
  await standing.check();
  expect(ended).toEqual([]);
  known.delete('a');
  known.set('b', viewer('b', 'VIEWER'));
  await standing.check();
  await standing.check();
  expect(ended).toEqual(['a', 'a', 'b', 'b']);
});

test('whoever comes in with new rights goes on while one who came in with the old is cut', async () => {
  const { known, standing } = create();
  const ended: string[] = [];
  known.set('a', viewer('a', 'VIEWER'));
  standing.watch(viewer('a', 'ADMIN'), () => ended.push('as admin'));
  standing.watch(viewer('a', 'VIEWER'), () => ended.push('as viewer'));
  await standing.check();
  expect(ended).toEqual(['as admin']);
});

test('who left is asked about no more and told nothing', async () => {
  const { standing, asked } = create();
  const ended: string[] = [];
  const stop = standing.watch(viewer('a'), () => ended.push('a'));
  stop();
  stop();
  await standing.check();
  expect([asked(), ended]).toEqual([0, []]);
});

test('what another process or the clock has ended is noticed by itself, after a database that was away too', async () => {
  const { known, standing, breaks } = create(5);
  const ended: string[] = [];
  known.set('a', viewer('a'));
  standing.watch(viewer('a'), () => ended.push('a'));
  breaks(true);
  known.delete('a');
  await expect(standing.check()).rejects.toThrow();
  expect(ended).toEqual([]);
  breaks(false);
  await eventually('the watch ends', async () => ended.length > 0, 5_000);
  expect(ended).toEqual(['a']);
});

test('a change while everybody is looked at is looked at too', async () => {
  const { known, standing } = create();
  const ended: string[] = [];
  known.set('a', viewer('a'));
  known.set('b', viewer('b'));
  standing.watch(viewer('a'), () => ended.push('a'));
  standing.watch(viewer('b'), () => ended.push('b'));
  const first = standing.check();
  // Asked about already, and shut out now.
  known.delete('a');
  await Promise.all([first, standing.check()]);
  expect(ended).toEqual(['a']);
});

test('of two watches of one viewer each is ended by itself, and told by itself', async () => {
  const { known, standing } = create();
  const ended: string[] = [];
  known.set('a', viewer('a'));
  const stop = standing.watch(viewer('a'), () => ended.push('first'));
  standing.watch(viewer('a'), () => ended.push('second'));
  stop();
  known.delete('a');
  await standing.check();
  expect(ended).toEqual(['second']);
});

test('a watch that is over takes no later one of the same viewer with it', async () => {
  const { known, standing } = create();
  const ended: string[] = [];
  const stop = standing.watch(viewer('a'), () => ended.push('before'));
  await standing.check();
  known.set('a', viewer('a'));
  standing.watch(viewer('a'), () => ended.push('after'));
  stop();
  known.delete('a');
  await standing.check();
  expect(ended).toEqual(['before', 'after']);
});

test('the clock runs while somebody is watched, and no longer', async () => {
  vi.useFakeTimers();
  const { known, standing, asked } = create(1000);
  for (const id of ['a', 'b', 'c']) known.set(id, viewer(id));
  expect(vi.getTimerCount()).toBe(0);
  const [one, two] = ['a', 'b'].map((id) => standing.watch(viewer(id), () => {}));
  standing.watch(viewer('c'), () => {});
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(2500);
  expect(asked()).toBe(6);
  one?.();
  await standing.check();
  expect(vi.getTimerCount()).toBe(1);
  two?.();
  known.delete('c');
  await vi.advanceTimersByTimeAsync(1000);
  expect(vi.getTimerCount()).toBe(0);
  const three = standing.watch(viewer('a'), () => {});
  expect(vi.getTimerCount()).toBe(1);
  three();
  expect(vi.getTimerCount()).toBe(0);
});
