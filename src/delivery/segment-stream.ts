import { Readable } from 'node:stream';
import { SEGMENT_BYTES } from '../lib/media.ts';
import { ReadPace } from '../storage/buffer-pool.ts';
import type { ByteRange } from '../storage/file-stream.ts';
import type { Cursor, RemoteFile } from './remote-file.ts';

/** A range of a peer's file, one verified segment after another; destroying it leaves the file. */
export class SegmentStream extends Readable {
  readonly #file: RemoteFile;
  readonly #cursor: Cursor;
  #position: number;
  readonly #end: number;
  readonly #onClose: () => void;
  readonly #pace: ReadPace;
  #first: Buffer | null = null;

  constructor(file: RemoteFile, cursor: Cursor, range: ByteRange, onClose: () => void) {
    // Nothing is taken ahead of a reader that pauses; what comes next is fetched ahead by the file's run.
    super({ highWaterMark: 0 });
    this.#file = file;
    this.#cursor = cursor;
    this.#position = range.start;
    this.#end = range.end;
    this.#pace = new ReadPace(range.end - range.start + 1);
    this.#onClose = onClose;
  }

  /** Waits for the first bytes, so that an error is known before an answer is begun. */
  async begin(): Promise<void> {
    this.#first = await this.#take();
  }

  override _read(): void {
    const first = this.#first;
    if (first !== null) {
      this.#first = null;
      this.push(first);
      return;
    }
    if (this.#position > this.#end) {
      this.push(null);
      return;
    }
    this.#take().then(
      (chunk) => {
        if (!this.destroyed) this.push(chunk);
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#pace.end();
    this.#file.leave(this.#cursor);
    this.#onClose();
    callback(error);
  }

  async #take(): Promise<Buffer> {
    const index = Math.floor(this.#position / SEGMENT_BYTES);
    const start = index * SEGMENT_BYTES;
    const from = this.#position - start;
    const to = Math.min(SEGMENT_BYTES, from + this.#pace.next(), this.#end + 1 - start);
    const chunk = await this.#file.segment(this.#cursor, index, from, to);
    this.#position += chunk.length;
    return chunk;
  }
}
