import { describe, expect, it, vi } from 'vitest';
import { type Change, type Channel, startLive } from './live.ts';

/** A browser with tabs: one lock, one channel, and a server that is followed by whoever opens a stream. */
function createBrowser({ secure = true } = {}) {
  const ends = new Set<Channel>();
  const waiting: (() => void)[] = [];
  const streams = new Set<{ since: string | null; push(change: Change): void; cut(): void }>();
  let held = false;
  let opened = 0;
  let refused = 0;

  const locks = {
    request: ((_name: string, { signal }: LockOptions, work: () => Promise<void>) =>
      new Promise<void>((resolve, reject) => {
        const begin = (): void => {
          held = true;
          void work().then(() => {
            held = false;
            resolve();
            waiting.shift()?.();
          });
        };
        if (!held) begin();
        else waiting.push(begin);
        signal?.addEventListener('abort', () => {
          const at = waiting.indexOf(begin);
          if (at < 0) return;
          waiting.splice(at, 1);
          reject(new Error('given up'));
        });
      })) as LockManager['request'],
  };
  const follow = async function* (since: string | null, signal: AbortSignal): AsyncGenerator<Change, void> {
    if (refused > 0) {
      refused -= 1;
      throw new Error('refused');
    }
    opened += 1;
    const queue: (Change | null)[] = [];
    let wake = () => {};
    const put = (change: Change | null): void => {
      queue.push(change);
      wake();
    };
    const stream = { since, push: put, cut: () => put(null) };
    streams.add(stream);
    signal.addEventListener('abort', stream.cut);
    try {
      for (;;) {
        while (queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const next = queue.shift();
        if (next == null) return;
        yield next;
      }
    } finally {
      streams.delete(stream);
    }
  };

  return {
    streams,
    get opened() {
      return opened;
    },
    refuse: (times: number) => {
      refused = times;
    },
    openTab: (since: string | null = null) => {
      let seen = true;
      let listener = () => {};
      const channel: Channel = {
        onmessage: null,
        postMessage: (data: unknown) => {
          for (const end of ends) {
            if (end !== channel) end.onmessage?.call(end as BroadcastChannel, { data } as MessageEvent);
          }
        },
        close: () => ends.delete(channel),
      };
      ends.add(channel);
      const onChange = vi.fn();
      const onPeers = vi.fn();
      const onLost = vi.fn();
      const stop = startLive({
        name: 'garden',
        since,
        follow,
        onChange,
        onPeers,
        onLost,
        locks: secure ? locks : undefined,
        channel,
        visible: () => seen,
        onVisibility: (told) => {
          listener = told;
          return () => {
            listener = () => {};
          };
        },
        delay: () => 0,
      });
      return {
        onChange,
        onPeers,
        onLost,
        stop,
        look: (now: boolean) => {
          seen = now;
          listener();
        },
      };
    },
    /** The server tells whoever follows. */
    tell: async (change: Change) => {
      await vi.waitFor(() => expect(streams.size).toBeGreaterThan(0), 20_000);
      for (const stream of streams) stream.push(change);
    },
  };
}

describe('the catalog as it changes', () => {
  it('begins where the page was served, and tells of nothing that it shows already', async () => {
    const browser = createBrowser();
    const one = browser.openTab('5');
    const two = browser.openTab('5');
    const late = browser.openTab('4');
    await browser.tell({ revision: '5', some: false });
    await vi.waitFor(() => expect(late.onChange).toHaveBeenCalledTimes(1), 20_000);
    expect([...browser.streams].map(({ since }) => since)).toEqual(['5']);
    expect(one.onChange).not.toHaveBeenCalled();
    expect(two.onChange).not.toHaveBeenCalled();
    await browser.tell({ revision: '6', some: true });
    await vi.waitFor(() => expect(two.onChange).toHaveBeenCalledTimes(1), 20_000);
    expect(one.onChange).toHaveBeenCalledTimes(1);
  });

  it('comes to all tabs of a browser by one stream, and goes on when its tab is closed', async () => {
    const browser = createBrowser();
    const one = browser.openTab();
    const two = browser.openTab();
    await browser.tell({ revision: '5', some: false });
    // What was read before the stream began may be older.
    await vi.waitFor(() => expect(two.onChange).toHaveBeenCalledTimes(1), 20_000);
    expect(one.onChange).toHaveBeenCalledTimes(1);
    await browser.tell({ revision: '6', some: true });
    await vi.waitFor(() => expect(two.onChange).toHaveBeenCalledTimes(2), 20_000);
    expect(one.onChange).toHaveBeenCalledTimes(2);
    expect([browser.streams.size, browser.opened]).toEqual([1, 1]);

    one.stop();
    await vi.waitFor(() => expect(browser.opened).toBe(2), 20_000);
    expect([...browser.streams].map(({ since }) => since)).toEqual(['6']);
    await browser.tell({ revision: '6', some: false });
    await browser.tell({ revision: '7', some: true });
    await vi.waitFor(() => expect(two.onChange).toHaveBeenCalledTimes(3), 20_000);
    expect(one.onChange).toHaveBeenCalledTimes(2);
    two.stop();
    await vi.waitFor(() => expect(browser.streams.size).toBe(0), 20_000);
  });

  it('is not followed by a tab that nobody looks at, which asks what it missed when it is looked at again', async () => {
    const browser = createBrowser();
    const one = browser.openTab();
    await browser.tell({ revision: '5', some: false });
    await vi.waitFor(() => expect(one.onChange).toHaveBeenCalledTimes(1), 20_000);
    one.look(false);
    await vi.waitFor(() => expect(browser.streams.size).toBe(0), 20_000);
    one.look(true);
    await vi.waitFor(() => expect([...browser.streams].map(({ since }) => since)).toEqual(['5']), 20_000);
    // Nothing was missed.
    await browser.tell({ revision: '5', some: false });
    await browser.tell({ revision: '9', some: true });
    await vi.waitFor(() => expect(one.onChange).toHaveBeenCalledTimes(2), 20_000);

    // Another tab leads, and this one sleeps so deeply that it hears nothing.
    const two = browser.openTab();
    expect(two.onChange).toHaveBeenCalledTimes(1);
    two.look(false);
    await browser.tell({ revision: '10', some: true });
    await vi.waitFor(() => expect(one.onChange).toHaveBeenCalledTimes(3), 20_000);
    expect(two.onChange).toHaveBeenCalledTimes(2);
    two.look(true);
    expect(two.onChange).toHaveBeenCalledTimes(2);
    expect(browser.streams.size).toBe(1);
    one.stop();
    two.stop();
  });

  it('is read anew where something was told that did not arrive', async () => {
    const browser = createBrowser();
    const one = browser.openTab();
    const deaf = browser.openTab();
    await browser.tell({ revision: '5', some: false });
    await vi.waitFor(() => expect(deaf.onChange).toHaveBeenCalledTimes(1), 20_000);
    deaf.stop();
    await browser.tell({ revision: '6', some: true });
    await vi.waitFor(() => expect(one.onChange).toHaveBeenCalledTimes(2), 20_000);
    // Whoever comes later knows nothing, and is told where the catalog is.
    const late = browser.openTab();
    expect(late.onChange).toHaveBeenCalledTimes(1);
    await browser.tell({ revision: '7', some: false });
    await browser.tell({ revision: '8', some: true });
    await vi.waitFor(() => expect(late.onChange).toHaveBeenCalledTimes(2), 20_000);
    one.stop();
    late.stop();
  });

  it('comes with the peers, to all tabs, and to whoever may have missed something of them', async () => {
    const browser = createBrowser();
    const one = browser.openTab();
    const two = browser.openTab();
    await browser.tell({ revision: '5', some: false });
    await vi.waitFor(() => expect(two.onPeers).toHaveBeenCalledTimes(1), 20_000);
    await browser.tell({ peers: 'run' });
    await vi.waitFor(() => expect(two.onPeers.mock.calls).toEqual([['peer'], ['run']]), 20_000);
    expect(one.onPeers.mock.calls).toEqual([['peer'], ['run']]);
    expect(one.onChange).toHaveBeenCalledTimes(1);

    two.look(false);
    two.look(true);
    expect(two.onPeers).toHaveBeenCalledTimes(3);
    // A stream that was cut has told of nothing meanwhile.
    for (const stream of [...browser.streams]) stream.cut();
    await vi.waitFor(() => expect(browser.opened).toBe(2), 20_000);
    await browser.tell({ peers: 'run' });
    await vi.waitFor(() => expect(one.onPeers.mock.calls.slice(2)).toEqual([['peer']]), 20_000);
    one.stop();
    two.stop();
  });

  it('is asked for again where the stream ends or cannot be had, from where it was', async () => {
    const browser = createBrowser();
    browser.refuse(3);
    const one = browser.openTab();
    await browser.tell({ revision: '5', some: false });
    await vi.waitFor(() => expect(one.onChange).toHaveBeenCalledTimes(1), 20_000);
    expect(one.onLost).toHaveBeenCalledTimes(3);
    for (const stream of [...browser.streams]) stream.cut();
    await vi.waitFor(() => expect(browser.opened).toBe(2), 20_000);
    expect([...browser.streams].map(({ since }) => since)).toEqual(['5']);
    expect(one.onLost).toHaveBeenCalledTimes(4);
    one.stop();
    await vi.waitFor(() => expect(browser.streams.size).toBe(0), 20_000);
    expect(one.onLost).toHaveBeenCalledTimes(4);
  });

  it('has a stream for each tab that is looked at where the browser has no locks', async () => {
    const browser = createBrowser({ secure: false });
    const one = browser.openTab();
    const two = browser.openTab();
    await vi.waitFor(() => expect(browser.streams.size).toBe(2), 20_000);
    two.look(false);
    await vi.waitFor(() => expect(browser.streams.size).toBe(1), 20_000);
    one.stop();
    two.stop();
    await vi.waitFor(() => expect(browser.streams.size).toBe(0), 20_000);
  });
});
