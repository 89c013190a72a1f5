import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** ms of writes that follow each other, after which everything else of this process has a turn. */
const BREATH = 10;

/**
 * Lets one writer at a time through, in the order of asking.
 *
 * Everything of a synchronous driver is done at once, so whoever removes a hundred thousand rows in short transactions
 * would still do nothing else meanwhile: between two of them nobody else would be heard. So the one that comes after 10 ms
 * of them waits until the event loop has gone round.
 *
 * SQLite has one writer; two connections of one thread that both want to write would wait for each other
 * inside a synchronous call, which is a deadlock until the busy timeout. So they queue here instead.
 */
export class WriteLock {
  /** How many hold the lock or wait for it; shared with a thread that holds it, which ends early where others wait. */
  readonly asking = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #turns = 0;
  #tail: Promise<void> = Promise.resolve();
  readonly #holder = new AsyncLocalStorage<true>();
  /** When the first write was asked for since the event loop has gone round; null where none was. */
  #since: number | null = null;
  readonly #released: () => void;

  /** @param released - told whenever somebody has given it back */
  constructor(released: () => void = () => {}) {
    this.#released = released;
  }

  /** Another number after each write; null while somebody writes, or waits to. */
  get version(): number | null {
    return Atomics.load(this.asking, 0) === 0 ? this.#turns : null;
  }

  /** Waits for its turn; the function that it answers gives the lock back, once. */
  async acquire(): Promise<() => void> {
    if (this.#holder.getStore() === true) {
      throw new Error('A write was begun inside another write; it would wait for itself.');
    }
    if (this.#since !== null && performance.now() - this.#since > BREATH) await nextTurn();
    if (this.#since === null) {
      this.#since = performance.now();
      setImmediate(() => {
        this.#since = null;
      });
    }
    const before = this.#tail;
    let release: () => void = () => {};
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    Atomics.add(this.asking, 0, 1);
    this.#turns += 1;
    await before;
    return () => {
      Atomics.sub(this.asking, 0, 1);
      release();
      this.#released();
    };
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.acquire();
    try {
      return await this.#holder.run(true, work);
    } finally {
      release();
    }
  }
}
