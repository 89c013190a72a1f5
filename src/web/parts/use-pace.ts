/** A pace for a component, which ends with it. */

import { useEffect, useRef, useState } from 'react';
import { createPace, type Pace } from './pace.ts';

/** @param longest - Ms between two times at most */
export function usePace(act: () => void, longest?: number): Pace {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  const [pace] = useState(() => createPace(() => latest.current(), longest === undefined ? {} : { longest }));
  useEffect(() => () => pace.stop(), [pace]);
  return pace;
}
