/** Texts that the gallery and the admin pages have in common. */

export const shared = {
  account: 'Account',
  ownAccount: 'Your account',
  ownAccountHint: 'Password, second factor, browsers',
  signOut: 'Sign out',
  signIn: 'Sign in',
  graphiql: 'GraphiQL',
  keys: 'Keys',
  close: 'Close',
  retry: 'Try again',
  mishap: 'The page has stumbled',
  mishapHint: 'A part of it could not be loaded, or has a fault. Nothing that was saved is lost.',
  reload: 'Load it again',
} as const;
