/** Tells followers in this process that something has changed, by name; what it says now is read by whoever hears of it. */
import { HedgerowError } from './errors.ts';

/** Names that wait for one follower. Whoever leaves more of them standing is ended. */
const WAITING = 1_000;
/** Followers of one topic. */
const FOLLOWERS = 10_000;

export interface Topic {
  /** Never waits for a follower. */
  publish(name: string): void;
  /**
   * From this call on, every name that is published, each once however often it was published while it waited. Ends
   * with the signal, and with the topic.
   *
   * @throws HedgerowError UNAVAILABLE: there are too many followers; while followed, the reader is too slow
   */
  follow(signal: AbortSignal): AsyncIterableIterator<string>;
  /** Ends all followers. */
  close(): void;
  readonly followers: number;
}

export interface TopicLimits {
  waiting?: number;
  followers?: number;
}

interface Follower {
  waiting: Set<string>;
  tooSlow: boolean;
  ended: boolean;
  wake: () => void;
}

export function createTopic({ waiting = WAITING, followers = FOLLOWERS }: TopicLimits = {}): Topic {
  const all = new Set<Follower>();

  return {
    publish: (name) => {
      for (const follower of all) {
        // The latest is told last: a reader that goes by order is not misled by what waited.
        follower.waiting.delete(name);
        follower.waiting.add(name);
        if (follower.waiting.size > waiting) {
          follower.waiting.clear();
          follower.tooSlow = true;
          all.delete(follower);
        }
        follower.wake();
      }
    },
    follow: (signal) => {
      if (all.size >= followers) throw new HedgerowError('UNAVAILABLE', 'Too many follow this already.');
      const follower: Follower = { waiting: new Set(), tooSlow: false, ended: false, wake: () => {} };
      const end = (): void => {
        all.delete(follower);
        signal.removeEventListener('abort', end);
        follower.ended = true;
        follower.waiting.clear();
        follower.wake();
      };
      all.add(follower);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
      return iterate(follower, end);
    },
    close: () => {
      for (const follower of all) {
        follower.ended = true;
        follower.wake();
      }
      all.clear();
    },
    get followers() {
      return all.size;
    },
  };
}

/** By hand, since a generator begins only when it is first asked, and hears of `return` only at its next turn. */
function iterate(follower: Follower, end: () => void): AsyncIterableIterator<string> {
  const done = { value: undefined, done: true } as const;
  return {
    next: async () => {
      for (;;) {
        if (follower.tooSlow) {
          follower.tooSlow = false;
          end();
          throw new HedgerowError('UNAVAILABLE', 'Too much changed before it was read; follow it anew.');
        }
        const [name] = follower.waiting;
        if (name !== undefined) {
          follower.waiting.delete(name);
          return { value: name, done: false };
        }
        if (follower.ended) return done;
        await new Promise<void>((resolve) => {
          follower.wake = resolve;
        });
      }
    },
    return: async () => {
      end();
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
