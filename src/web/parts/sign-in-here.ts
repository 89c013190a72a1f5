let leaving = false;

/** Somebody signs out, or could not: what is refused from then on is no reason to lead back here. */
export function leave(leaves: boolean): void {
  leaving = leaves;
}

/** @returns the address of the sign-in page, which leads back to where somebody is, unless they have just signed out */
export function signInHere(): string {
  if (leaving) return './sign-in';
  const next = location.pathname + location.search;
  return `./sign-in?${new URLSearchParams({ next })}`;
}
