/** The time, for what is told from now. */

import { useEffect, useState } from 'react';

const MINUTE = 60_000;

/** Ms since 1970; moves on each minute. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE);
    return () => clearInterval(timer);
  }, []);
  return now;
}
