/** A provider to sign in at: the one of the package oidc-provider, on a socket of its own, where nobody has to type. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface ProviderAccount {
  sub: string;
  preferred_username?: string;
  groups?: unknown;
}

export interface OidcProvider extends AsyncDisposable {
  readonly issuer: string;
  /** Begins to answer; the client has to know before where the provider is, and the provider then where the client is. */
  serve(client: { id: string; secret: string; redirectUri: string }): void;
  /** Who signs in there next. */
  next(account: ProviderAccount): void;
}

export async function startOidcProvider(): Promise<OidcProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const accounts = new Map<string, ProviderAccount>();
  let account: ProviderAccount = { sub: 'nobody' };
  return {
    issuer,
    next: (who) => {
      account = who;
    },
    serve: ({ id, secret, redirectUri }) => {
      const provider = new Provider(issuer, {
        clients: [{ client_id: id, client_secret: secret, redirect_uris: [redirectUri] }],
        pkce: { required: () => true },
        claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
        features: { devInteractions: { enabled: false } },
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
      server.on('request', (incoming, outgoing) => {
        if (incoming.url?.startsWith('/interaction/') !== true) {
          void callback(incoming, outgoing);
          return;
        }
        accounts.set(account.sub, account);
        void provider.interactionFinished(incoming, outgoing, { login: { accountId: account.sub } });
      });
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
