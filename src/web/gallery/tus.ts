/** The client's side of tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, offset, parts, termination. */

import { texts } from './texts.ts';

/** The server will never take it; the message says why, for people. */
export class Rejected extends Error {}

export interface Sent {
  /** Bytes that the server has. */
  offset: number;
  /** All of them are there. */
  whole: boolean;
  /** Why it did not become an item; null where it did, or is not yet whole. */
  rejected: string | null;
}

export interface Transport {
  /** @returns where its parts go @throws Rejected */
  create(file: File, signal: AbortSignal): Promise<string>;
  /** Null where the server knows no such upload, or no longer. */
  find(url: string, signal: AbortSignal): Promise<Sent | null>;
  /** The rest of the file. @throws Rejected, or Error where the connection was lost */
  append(
    url: string,
    file: File,
    offset: number,
    signal: AbortSignal,
    onProgress: (sent: number) => void,
  ): Promise<Sent>;
  remove(url: string): Promise<void>;
}

const HEADERS = { 'tus-resumable': '1.0.0', 'x-hedgerow-csrf': '1' } as const;

export function createTransport(endpoint = './uploads'): Transport {
  return {
    create: async (file, signal) => {
      const response = await fetch(endpoint, {
        method: 'POST',
        signal,
        headers: {
          ...HEADERS,
          'upload-length': String(file.size),
          'upload-metadata': `filename ${base64(file.name)}`,
        },
      });
      if (!response.ok) throw await refusal(response);
      const location = response.headers.get('location');
      if (location === null) throw new Error('The upload has no address.');
      return location;
    },

    find: async (url, signal) => {
      const response = await fetch(url, { method: 'HEAD', signal, headers: HEADERS });
      if (response.status === 404 || response.status === 410) return null;
      if (!response.ok) throw await refusal(response);
      return standing(response.headers, Number(response.headers.get('upload-length')));
    },

    append: (url, file, offset, signal, onProgress) =>
      new Promise((resolve, reject) => {
        // `fetch` tells nothing of how far a body has gone.
        const request = new XMLHttpRequest();
        request.open('PATCH', url);
        for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
        request.setRequestHeader('upload-offset', String(offset));
        request.setRequestHeader('content-type', 'application/offset+octet-stream');
        request.upload.onprogress = ({ loaded }) => onProgress(offset + loaded);
        request.onerror = () => reject(new Error('The connection was lost.'));
        request.onabort = request.onerror;
        request.onload = () => {
          const headers = new Headers();
          for (const name of ['upload-offset', 'hedgerow-media', 'hedgerow-rejected']) {
            const value = request.getResponseHeader(name);
            if (value !== null) headers.set(name, value);
          }
          const response = new Response(request.responseText || null, {
            // 204 may have no body, not even an empty one.
            status: request.status === 204 ? 200 : request.status,
          });
          if (request.status === 204) resolve(standing(headers, file.size));
          // Another page sends the same, or the server lost count: it is asked where it stands.
          else if (request.status === 409 || request.status === 423)
            reject(new Error('It stands elsewhere.'));
          else void refusal(response).then(reject);
        };
        signal.addEventListener('abort', () => request.abort(), { once: true });
        request.send(file.slice(offset));
      }),

    remove: async (url) => {
      await fetch(url, { method: 'DELETE', headers: HEADERS });
    },
  };
}

function standing(headers: Headers, length: number): Sent {
  const offset = Number(headers.get('upload-offset'));
  const code = headers.get('hedgerow-rejected');
  return { offset, whole: offset === length, rejected: code === null ? null : texts.uploadRejected(code) };
}

/** What a person can do nothing about now may go better later. */
async function refusal(response: Response): Promise<Error> {
  const problem: { detail?: string; title?: string } = await response.json().catch(() => ({}));
  const sentence = problem.detail ?? problem.title ?? texts.answered(response.status);
  return response.status >= 500 || response.status === 429 ? new Error(sentence) : new Rejected(sentence);
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
