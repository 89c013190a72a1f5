/** What an invitation code says of itself, for whoever pastes it. The server alone decides whether it is one. */

export interface SaidByCode {
  name: string;
  url: string;
  thumbprint: string;
  mutual: boolean;
}

/** Null where it says nothing that can be read. */
export function readCode(pasted: string): SaidByCode | null {
  // Spaces of any kind, and the invisible characters that copying from formatted text brings along.
  const code = pasted.replace(/[\s\u200b-\u200d\u2060\ufeff\u00ad]+/g, '');
  const [, text = ''] = /^hedgerow_pair_([A-Za-z0-9_-]{1,8192})\.[0-9a-fA-F]{8}$/.exec(code) ?? [];
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) =>
      one.charCodeAt(0),
    );
    const said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<
      string,
      unknown
    > | null;
    const { name, url, thumbprint, mutual } = said ?? {};
    if (typeof name !== 'string' || typeof url !== 'string') return null;
    if (typeof thumbprint !== 'string' || typeof mutual !== 'boolean') return null;
    return { name: shown(name), url: shown(url), thumbprint: shown(thumbprint), mutual };
  } catch {
    return null;
  }
}

/** Characters of one thing that it says; more is nobody's name. */
const SHOWN = 300;

/** Whoever made the code chose the text: nothing in it that is not seen, or turns round what stands beside it. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, '').slice(0, SHOWN);
}
