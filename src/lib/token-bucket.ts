export interface TokenBucket {
  /** Takes so many tokens, and answers 0; or takes none, and answers after how many ms it is worth asking again. */
  take(amount: number): number;
  /** Changes what it holds and how fast it fills; what is in it stays, as far as it fits. */
  configure(settings: BucketSettings): void;
  readonly capacity: number;
}

export interface BucketSettings {
  /** Tokens a second; above 0. */
  rate: number;
  /** Tokens that it holds; above 0. It is full at first. */
  capacity: number;
}

/**
 * A token bucket. An amount above the capacity is given once the bucket is full, and the bucket then owes the rest:
 * so nothing waits for ever, and over a long time never more than `rate` goes out.
 *
 * @param now ms; a clock that goes backwards fills nothing
 */
export function createTokenBucket(settings: BucketSettings, now: () => number): TokenBucket {
  let { rate, capacity } = settings;
  let tokens = capacity;
  let filledAt = now();

  function fill(): void {
    const at = now();
    if (at > filledAt) tokens = Math.min(capacity, tokens + ((at - filledAt) / 1000) * rate);
    filledAt = at;
  }

  return {
    take: (amount) => {
      fill();
      const needed = Math.min(amount, capacity);
      // What a rounded sum lacks must not become a wait that rounding never ends.
      if (tokens + 1e-9 * (capacity + rate) >= needed) {
        tokens -= amount;
        return 0;
      }
      return Math.max(1, Math.ceil(((needed - tokens) / rate) * 1000 - 1e-6));
    },
    configure: (changed) => {
      // The time since the last look counts at the faster of the two rates, so that a limit that is lifted is felt.
      rate = Math.max(rate, changed.rate);
      capacity = Math.max(capacity, changed.capacity);
      fill();
      ({ rate, capacity } = changed);
      tokens = Math.min(tokens, capacity);
    },
    get capacity() {
      return capacity;
    },
  };
}
