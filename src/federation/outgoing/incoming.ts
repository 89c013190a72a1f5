/**
 * A request and its answer, whose body is taken by whoever asked for it, piece by piece and straight into the buffers in which it
 * stays: undici's own stream between costs as much as all else that is done with a piece.
 */
import { type Dispatcher, errors } from 'undici';
import type { ByteSource } from '../../delivery/upstream.ts';
import { lease, POOLED_BYTES, release } from '../../storage/buffer-pool.ts';
import type { FieldList } from '../identity/http-fields.ts';
import { rawFields, requestError } from './exchange.ts';

/** Bytes received ahead of whoever takes them from which on no more is read. */
const AHEAD = 65_536;

export interface IncomingRequest {
  origin: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  /** Ends the request, and the body too. */
  signal: AbortSignal;
}

export interface IncomingAnswer {
  status: number;
  fields: FieldList;
  /** To be read to its end, or destroyed. What breaks it off, it throws as undici has it. */
  body: ByteSource;
}

/** @throws HedgerowError as `exchange`, where there is no answer */
export function openIncoming(dispatcher: Dispatcher, request: IncomingRequest): Promise<IncomingAnswer> {
  const { origin, path, headers, signal } = request;
  return new Promise((resolve, reject) => {
    const body = new IncomingBody(signal, (error) => reject(requestError(error)));
    if (body.over) return;
    dispatcher.dispatch(
      { origin, path, method: 'GET', headers },
      {
        onRequestStart: (controller) => body.started(controller),
        onResponseStart: (controller, status) => {
          // What comes before the answer itself, as 103 does.
          if (status < 200) return;
          body.answered();
          resolve({ status, fields: rawFields(controller.rawHeaders), body });
        },
        onResponseData: (_, chunk) => body.push(chunk),
        onResponseEnd: () => body.end(),
        onResponseError: (_, error) => body.fail(error),
      },
    );
  });
}

/** A buffer that is being filled, and whoever waits for it. */
interface Wanted {
  buffer: Buffer;
  filled: number;
  resolve: (bytes: Buffer) => void;
  reject: (error: unknown) => void;
}

class IncomingBody implements ByteSource {
  readonly #signal: AbortSignal;
  #controller: Dispatcher.DispatchController | null = null;
  /** Told of what fails before there is an answer. */
  #refused: ((error: unknown) => void) | null;
  /** Received and not taken, and how many bytes that is. */
  readonly #chunks: Buffer[] = [];
  #ahead = 0;
  #wanted: Wanted | null = null;
  /** Told when something has come, be it the end. */
  #wake: (() => void) | null = null;
  #over: 'end' | { error: unknown } | null = null;

  constructor(signal: AbortSignal, refused: (error: unknown) => void) {
    this.#signal = signal;
    this.#refused = refused;
    if (signal.aborted) this.#leave();
    else signal.addEventListener('abort', this.#leave, { once: true });
  }

  get over(): boolean {
    return this.#over !== null;
  }

  started(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over !== null && this.#over !== 'end') controller.abort(asError(this.#over.error));
  }

  answered(): void {
    this.#refused = null;
  }

  push(chunk: Buffer): void {
    if (this.#over !== null) return;
    const wanted = this.#wanted;
    const left = wanted === null ? chunk : fill(wanted, chunk);
    if (wanted?.filled === wanted?.buffer.length) this.#give();
    if (left.length === 0) return;
    this.#chunks.push(left);
    this.#ahead += left.length;
    if (this.#ahead >= AHEAD) this.#controller?.pause();
    this.#wake?.();
  }

  end(): void {
    if (this.#over !== null) return;
    this.#finish('end');
    this.#give();
  }

  fail(error: unknown): void {
    if (this.#over !== null) return;
    this.#finish({ error });
    this.#chunks.length = 0;
    this.#ahead = 0;
    this.#refused?.(error);
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted === null) return;
    release(wanted.buffer);
    wanted.reject(error);
  }

  take(length: number): Promise<Buffer> {
    if (this.#over !== null && this.#over !== 'end') return Promise.reject(this.#over.error);
    const leased = length <= POOLED_BYTES ? lease(length) : Buffer.allocUnsafeSlow(length);
    return new Promise((resolve, reject) => {
      const wanted: Wanted = { buffer: leased.subarray(0, length), filled: 0, resolve, reject };
      while (wanted.filled < length && this.#chunks.length > 0) {
        const left = fill(wanted, this.#shift());
        if (left.length > 0) this.#unshift(left);
      }
      this.#wanted = wanted;
      if (wanted.filled === length || this.#over !== null) this.#give();
      else this.#controller?.resume();
    });
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      const chunk = await this.#next();
      if (chunk === null) return;
      if (chunk.length > left) this.#unshift(chunk.subarray(left));
      left -= Math.min(left, chunk.length);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
    } finally {
      this.destroy();
    }
  }

  destroy(): void {
    if (this.#over === null) this.#breakOff(new errors.RequestAbortedError());
  }

  /** What has been received, or comes next; null at the end. */
  async #next(): Promise<Buffer | null> {
    while (this.#chunks.length === 0) {
      if (this.#over === 'end') return null;
      if (this.#over !== null) throw this.#over.error;
      const come = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#controller?.resume();
      await come;
      this.#wake = null;
    }
    return this.#shift();
  }

  #shift(): Buffer {
    const chunk = this.#chunks.shift() as Buffer;
    this.#ahead -= chunk.length;
    return chunk;
  }

  #unshift(chunk: Buffer): void {
    this.#chunks.unshift(chunk);
    this.#ahead += chunk.length;
  }

  /** What is filled so far to whoever waits for it. */
  #give(): void {
    const wanted = this.#wanted;
    this.#wanted = null;
    wanted?.resolve(wanted.buffer.subarray(0, wanted.filled));
  }

  readonly #leave = (): void => this.#breakOff(this.#signal.reason);

  #breakOff(error: unknown): void {
    this.fail(error);
    this.#controller?.abort(asError(error));
  }

  #finish(over: 'end' | { error: unknown }): void {
    this.#over = over;
    this.#signal.removeEventListener('abort', this.#leave);
    this.#wake?.();
  }
}

/** Answers what did not fit. */
function fill(wanted: Wanted, chunk: Buffer): Buffer {
  const copied = chunk.copy(wanted.buffer, wanted.filled);
  wanted.filled += copied;
  return chunk.subarray(copied);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
