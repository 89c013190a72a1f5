/** Who sends a request, how much of it is taken, and for how long an answer may go on. */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access, KnownViewer } from '../access/access.ts';
import type { LimitKind, Refusal } from '../access/limits.ts';
import type { Viewer } from '../access/viewer.ts';
import { isCode } from '../lib/errors.ts';
import { breakOff } from './send-file.ts';

export interface Viewers {
  /**
   * Null is anonymous.
   *
   * @param kind - null: it was counted already
   * @throws HedgerowError UNAUTHENTICATED, FORBIDDEN where another site's page makes the request, RATE_LIMITED
   */
  of(request: FastifyRequest, kind: LimitKind | null): Promise<Viewer | null>;
  /**
   * Of a request for bytes: a URL that is signed speaks for itself, whatever else the browser sends along.
   *
   * @throws the same
   */
  ofFile(request: FastifyRequest, itemId: string, variant: string): Promise<FileViewer>;
  /**
   * Whom `of` and `ofFile` find, of whoever asked just before at once. Nothing is counted or noted of a refusal.
   *
   * @param access - of the counters, as it stands
   * @throws the same
   */
  lately(request: IncomingMessage, access: string): KnownViewer | Promise<KnownViewer>;
  /** Counts a request of such a viewer, as those do. Null: it may go on. */
  spend(kind: LimitKind, viewer: Viewer | null, request: IncomingMessage): Refusal | Promise<Refusal>;
  /** Cuts an answer that goes on when its viewer is shut out, signed out, revoked or given other rights. */
  whileStanding(viewer: Viewer | null, reply: Pick<FastifyReply, 'raw'>): void;
}

export interface FileViewer {
  viewer: Viewer | null;
  /** The URL may be shown by pages of other sites. */
  signed: boolean;
}

export interface ViewersOptions {
  access: Pick<Access, 'viewer' | 'viewerLately' | 'assertSameOrigin' | 'signedUrls' | 'standing' | 'limits'>;
  /** Who asks, once that is known. */
  onKnown?: (request: FastifyRequest, viewer: Viewer | null) => void;
  /** A token that nobody has, or has any longer. */
  onUnknownToken?: (request: FastifyRequest) => void;
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export function createViewers({ access, onKnown, onUnknownToken }: ViewersOptions): Viewers {
  const { limits, signedUrls, standing } = access;

  const refuseOthers = (method: string | undefined, headers: IncomingHttpHeaders): void => {
    // What a cookie may authenticate; a token no page of another site can send.
    if (headers.authorization === undefined && !SAFE_METHODS.includes(method ?? '')) {
      access.assertSameOrigin(headers);
    }
  };

  const known = async (request: FastifyRequest): Promise<Viewer | null> => {
    refuseOthers(request.method, request.headers);
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
      if (kind !== null) await limits.take(kind, viewer, request.ip);
      return viewer;
    },

    ofFile: async (request, itemId, variant) => {
      const signed = signedUrls.isSigned(request.query);
      const viewer = signed ? await signedUrls.viewer(itemId, variant, request.query) : await known(request);
      await limits.take('bytes', viewer, request.ip);
      return { viewer, signed };
    },

    lately: ({ method, headers }, changes) => {
      refuseOthers(method, headers);
      return access.viewerLately(headers, changes);
    },

    spend: (kind, viewer, { socket }) => limits.spend(kind, viewer, socket.remoteAddress ?? ''),

    whileStanding: (viewer, { raw }) => {
      if (viewer === null) return;
      const stop = standing.watch(viewer, () => breakOff(raw));
      raw.once('close', stop);
    },
  };
}
