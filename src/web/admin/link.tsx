/** A link within the admin pages, which loads no page anew. */

import type { ReactNode } from 'react';
import { type Go, hrefOf, type Place } from './place.ts';

export interface LinkProps {
  to: Place;
  go: Go;
  current?: boolean;
  className?: string;
  children: ReactNode;
}

export function Link({ to, go, current = false, className, children }: LinkProps) {
  return (
    <a
      href={hrefOf(to)}
      {...(className !== undefined && { className })}
      {...(current && { 'aria-current': 'page' })}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
