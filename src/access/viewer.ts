/** Who is asking: the answer of the access room to every request, and what other rooms may depend on. */

export const ROLES = ['ADMIN', 'EDITOR', 'VIEWER'] as const;
export type Role = (typeof ROLES)[number];

export const TOKEN_SCOPES = [
  'CATALOG_READ',
  'MEDIA_READ',
  'LIBRARY_WRITE',
  'FEDERATION_ADMIN',
  'ADMIN',
] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** The person behind a viewer. */
export interface ViewerUser {
  /** `user_…` */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

interface ViewerBase {
  /** Null for a token that belongs to the instance and to no person: those of the environment and of the terminal. */
  readonly user: ViewerUser | null;
  /** What the viewer may at most do; a token's scopes narrow it further. */
  readonly role: Role;
  /** A session has every scope that its role allows. */
  readonly scopes: readonly TokenScope[];
}

export interface SessionViewer extends ViewerBase {
  readonly via: 'session';
  readonly user: ViewerUser;
  readonly sessionId: string;
}

export interface TokenViewer extends ViewerBase {
  readonly via: 'token';
  /** `token_…`, or `environment` and `service` for the two that no row stands behind. */
  readonly tokenId: string;
}

/** Somebody who is known. Anonymous is `null`. */
export type Viewer = SessionViewer | TokenViewer;

/** The most that a role may do; a token never has a scope beyond that of its owner's role. */
export function scopesOf(role: Role): readonly TokenScope[] {
  switch (role) {
    case 'ADMIN':
      return TOKEN_SCOPES;
    case 'EDITOR':
      return ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'];
    case 'VIEWER':
      return ['CATALOG_READ', 'MEDIA_READ'];
  }
}

export function isRole(value: unknown): value is Role {
  return ROLES.includes(value as Role);
}

export function isTokenScope(value: unknown): value is TokenScope {
  return TOKEN_SCOPES.includes(value as TokenScope);
}

export function hasScope(viewer: Viewer | null, scope: TokenScope): boolean {
  return viewer !== null && (viewer.scopes.includes(scope) || viewer.scopes.includes('ADMIN'));
}
