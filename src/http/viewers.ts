/** Who sends a request, how much of it is taken, and for how long an answer may go on. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.ts';
import type { LimitKind } from '../access/limits.ts';
import type { Viewer } from '../access/viewer.ts';
import { isCode } from '../lib/errors.ts';
import { breakOff } from './send-file.ts';

export interface Viewers {
  /**
   * Null is anonymous.
   *
   * @throws HedgerowError UNAUTHENTICATED, FORBIDDEN where another site's page makes the request, RATE_LIMITED
   */
  of(request: FastifyRequest, kind: LimitKind): Promise<Viewer | null>;
  /**
   * Of a request for bytes: a URL that is signed speaks for itself, whatever else the browser sends along.
   *
   * @throws the same
   */
  ofFile(request: FastifyRequest, itemId: string, variant: string): Promise<FileViewer>;
  /** Cuts an answer that goes on when its viewer is shut out, signed out, revoked or given other rights. */
  whileStanding(viewer: Viewer | null, reply: FastifyReply): void;
}

export interface FileViewer {
  viewer: Viewer | null;
  /** The URL may be shown by pages of other sites. */
  signed: boolean;
}

export interface ViewersOptions {
  access: Pick<Access, 'viewer' | 'assertSameOrigin' | 'signedUrls' | 'standing' | 'limits'>;
  /** Who asks, once that is known. */
  onKnown?: (request: FastifyRequest, viewer: Viewer | null) => void;
  /** A token that nobody has, or has any longer. */
  onUnknownToken?: (request: FastifyRequest) => void;
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export function createViewers({ access, onKnown, onUnknownToken }: ViewersOptions): Viewers {
  const { limits, signedUrls, standing } = access;

  const known = async (request: FastifyRequest): Promise<Viewer | null> => {
    // What a cookie may authenticate; a token no page of another site can send.
    if (request.headers.authorization === undefined && !SAFE_METHODS.includes(request.method)) {
      access.assertSameOrigin(request.headers);
    }
    try {
      const viewer = await access.viewer(request.headers);
      onKnown?.(request, viewer);
      return viewer;
    } catch (error) {
      if (isCode(error, 'UNAUTHENTICATED')) {
        onUnknownToken?.(request);
        await limits.unknownToken(request.ip);
      }
      throw error;
    }
  };

  return {
    of: async (request, kind) => {
      const viewer = await known(request);
      await limits.take(kind, viewer, request.ip);
      return viewer;
    },

    ofFile: async (request, itemId, variant) => {
      const signed = signedUrls.isSigned(request.query);
      const viewer = signed ? await signedUrls.viewer(itemId, variant, request.query) : await known(request);
      await limits.take('bytes', viewer, request.ip);
      return { viewer, signed };
    },

    whileStanding: (viewer, { raw }) => {
      if (viewer === null) return;
      const stop = standing.watch(viewer, () => breakOff(raw));
      raw.once('close', stop);
    },
  };
}
