/** The policy of the page lets no text become a script's address (Trusted Types), but for those that are written here. */

interface Policies {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): unknown };
}

const { trustedTypes } = window as { trustedTypes?: Policies };
const policy = trustedTypes?.createPolicy('hedgerow', {
  createScriptURL: (url) => {
    const base = new URL('./', location.href);
    const { origin, pathname } = new URL(url, base);
    const within = pathname.slice(base.pathname.length);
    if (
      origin === base.origin &&
      pathname.startsWith(base.pathname) &&
      /^(worker\.js|assets\/[\w.-]+)$/.test(within)
    ) {
      return url;
    }
    throw new TypeError('This is no script of ours.');
  },
});

/** Of a worker that came with the page. @returns what a worker is made by, where its type says text @throws TypeError for any other address */
export function scriptUrl(url: string): unknown {
  return policy?.createScriptURL(url) ?? url;
}
