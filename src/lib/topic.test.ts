import { describe, expect, it } from 'vitest';
import { createTopic } from './topic.ts';

const forever = new AbortController().signal;

describe('a topic', () => {
  it('tells each follower what is published from the moment it follows, also before it asks', async () => {
    const topic = createTopic();
    topic.publish('before');
    const one = topic.follow(forever);
    topic.publish('a');
    const two = topic.follow(forever);
    topic.publish('b');
    expect([await one.next(), await one.next()].map(({ value }) => value)).toEqual(['a', 'b']);
    expect(await two.next()).toEqual({ value: 'b', done: false });
  });

  it('wakes a follower that waits', async () => {
    const topic = createTopic();
    const next = topic.follow(forever).next();
    topic.publish('a');
    expect(await next).toEqual({ value: 'a', done: false });
  });

  it('tells a name once however often it was published meanwhile, and the latest last', async () => {
    const topic = createTopic();
    const follower = topic.follow(forever);
    for (const name of ['a', 'b', 'a', 'a', 'c', 'b']) topic.publish(name);
    const told = [await follower.next(), await follower.next(), await follower.next()];
    expect(told.map(({ value }) => value)).toEqual(['a', 'c', 'b']);
    topic.publish('a');
    expect((await follower.next()).value).toBe('a');
  });

  it('ends a follower that leaves too much standing, and holds nothing for it', async () => {
    const topic = createTopic({ waiting: 3 });
    const slow = topic.follow(forever);
    const quick = topic.follow(forever);
    for (const name of ['a', 'b', 'c', 'd']) {
      topic.publish(name);
      expect((await quick.next()).value).toBe(name);
    }
    expect(topic.followers).toBe(1);
    await expect(slow.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await slow.next()).toEqual({ value: undefined, done: true });
  });

  it('takes so many followers and no more, and the place of one that has left', async () => {
    const topic = createTopic({ followers: 1 });
    const first = topic.follow(forever);
    expect(() => topic.follow(forever)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    await first.return?.();
    topic.follow(forever);
    expect(topic.followers).toBe(1);
  });

  it('ends a waiting follower with its signal, with its return, and with the topic', async () => {
    const topic = createTopic();
    const abort = new AbortController();
    const [aborted, returned, closed] = [
      topic.follow(abort.signal),
      topic.follow(forever),
      topic.follow(forever),
    ];
    const ends = [aborted.next(), returned.next(), closed.next()];
    abort.abort();
    await returned.return?.();
    topic.close();
    for (const end of ends) expect(await end).toEqual({ value: undefined, done: true });
    expect(topic.followers).toBe(0);
    topic.publish('late');
    expect((await closed.next()).done).toBe(true);
    expect((await topic.follow(AbortSignal.abort()).next()).done).toBe(true);
  });
});
