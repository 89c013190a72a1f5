/** Has the browser keep the shell (`worker/worker.ts`): where it can, and once the page has nothing better to do. */

interface ScriptUrls {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): {
    createScriptURL(url: string): unknown;
  };
}

/** Not there where the page came by plain HTTP from another machine. */
export function registerWorker(): void {
  if (!('serviceWorker' in navigator)) return;
  const register = (): void => {
    // The policy of the page lets no text become a script's address, but for this one.
    const { trustedTypes } = window as { trustedTypes?: ScriptUrls };
    const address = './worker.js';
    const url =
      trustedTypes?.createPolicy('hedgerow-worker', { createScriptURL: () => address }).createScriptURL('') ??
      address;
    // Without it everything works but for the page that is shown while the server is away.
    navigator.serviceWorker.register(url as string).catch(() => undefined);
  };
  if (document.readyState === 'complete') register();
  else window.addEventListener('load', register, { once: true });
}
