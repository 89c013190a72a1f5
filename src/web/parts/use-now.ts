/** The time, for what is told from now. */

import { useEffect, useState } from 'react';

const MINUTE = 60_000;

/** @returns Ms since 1970, as of this drawing: what has just come is not said to be ahead. Draws anew each minute. */
export function useNow(): number {
  const [, setRound] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setRound((before) => before + 1), MINUTE);
    return () => clearInterval(timer);
  }, []);
  return Date.now();
}
