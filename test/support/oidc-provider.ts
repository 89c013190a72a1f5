/** A provider to sign in at: the one of the package oidc-provider, on a socket of its own, where nobody has to type. */

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface ProviderAccount {
  sub: string;
  preferred_username?: string;
  name?: string;
  nickname?: string;
  groups?: unknown;
}

export interface ProviderClient {
  id: string;
  /** Null: a public client. */
  secret: string | null;
  redirectUri: string;
  /** Where what is said of a person is to be found; at the userinfo endpoint, unless told. */
  claimsIn?: 'userinfo' | 'identity token' | 'both';
}

export interface OidcProvider extends AsyncDisposable {
  readonly issuer: string;
  /**
   * Begins to answer with more than 503; the client has to know before where the provider is, and the provider then
   * where the client is.
   */
  serve(client: ProviderClient): void;
  /** Who signs in there next. */
  next(account: ProviderAccount): void;
  /** Paths that were asked for so far. */
  readonly asked: readonly string[];
}

export async function startOidcProvider(): Promise<OidcProvider> {
  let answer: RequestListener = (_incoming, outgoing) => outgoing.writeHead(503).end();
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(incoming.url?.split('?', 1)[0] ?? '');
    answer(incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accounts = new Map<string, ProviderAccount>();
  let account: ProviderAccount = { sub: 'nobody' };
  return {
    issuer,
    asked,
    next: (who) => {
      account = who;
    },
    serve: ({ id, secret, redirectUri, claimsIn = 'userinfo' }) => {
      const client = { client_id: id, redirect_uris: [redirectUri] };
      const provider = new Provider(issuer, {
        clients: [
          secret === null
            ? { ...client, token_endpoint_auth_method: 'none' }
            : { ...client, client_secret: secret },
        ],
        pkce: { required: () => true },
        claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'nickname', 'groups'] },
        conformIdTokenClaims: claimsIn === 'userinfo',
        features: {
          devInteractions: { enabled: false },
          userinfo: { enabled: claimsIn !== 'identity token' },
        },
        cookies: { keys: ['a key of the test'] },
        interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
        findAccount: async (_ctx, sub) => ({
          accountId: sub,
          claims: async () => ({ ...accounts.get(sub), sub }),
        }),
        loadExistingGrant: async (ctx) => {
          const grant = new ctx.oidc.provider.Grant({
            clientId: ctx.oidc.client?.clientId ?? '',
            accountId: ctx.oidc.session?.accountId ?? '',
          });
          grant.addOIDCScope('openid profile');
          await grant.save();
          return grant;
        },
      });
      const callback = provider.callback();
      answer = (incoming, outgoing) => {
        if (incoming.url?.startsWith('/interaction/') !== true) {
          void callback(incoming, outgoing);
          return;
        }
        accounts.set(account.sub, account);
        void provider.interactionFinished(incoming, outgoing, { login: { accountId: account.sub } });
      };
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
