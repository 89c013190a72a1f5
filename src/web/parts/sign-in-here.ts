/** @returns the address of the sign-in page, which leads back to where somebody is */
export function signInHere(): string {
  const next = location.pathname + location.search;
  return `./sign-in?${new URLSearchParams({ next })}`;
}
