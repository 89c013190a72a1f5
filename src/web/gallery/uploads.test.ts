import { describe, expect, it, vi } from 'vitest';
import { Rejected, type Sent, type Transport } from './tus.ts';
import { createUploads } from './uploads.ts';

const file = (name = 'a.jpg', size = 100) => new File([new Uint8Array(size)], name, { lastModified: 5 });

/** A server that keeps what was sent; `cut` says after how many bytes the next connection breaks. */
function server() {
  const held = new Map<string, { size: number; offset: number }>();
  const state = {
    cut: [] as number[],
    rejects: null as string | null,
    parts: [] as number[],
    running: 0,
    most: 0,
  };
  const sent = (url: string): Sent | null => {
    const upload = held.get(url);
    if (upload === undefined) return null;
    const whole = upload.offset === upload.size;
    return { offset: upload.offset, whole, rejected: whole ? state.rejects : null };
  };
  const transport: Transport = {
    create: vi.fn(async (one: File) => {
      const url = `/uploads/${held.size}`;
      held.set(url, { size: one.size, offset: 0 });
      return url;
    }),
    find: vi.fn(async (url: string) => sent(url)),
    append: async (url, _file, offset, _signal, onProgress) => {
      state.parts.push(offset);
      state.running += 1;
      state.most = Math.max(state.most, state.running);
      await Promise.resolve();
      state.running -= 1;
      const upload = held.get(url);
      if (upload === undefined || upload.offset !== offset) throw new Error('It stands elsewhere.');
      const cut = state.cut.shift();
      upload.offset = cut === undefined ? upload.size : Math.min(upload.size, offset + cut);
      onProgress(upload.offset);
      if (cut !== undefined) throw new Error('The connection was lost.');
      const answer = sent(url);
      if (answer === null) throw new Error('gone');
      return answer;
    },
    remove: vi.fn(async (url: string) => void held.delete(url)),
  };
  return { transport, held, state };
}

function memory() {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

describe('uploads', () => {
  it('go on where they were after a lost connection, and send nothing twice', async () => {
    const { transport, state } = server();
    state.cut = [30, 25];
    const onDone = vi.fn();
    const kept = memory();
    const uploads = createUploads({ transport, memory: kept, onDone, delay: () => 1 });
    const states: string[] = [];
    uploads.subscribe(() => states.push(uploads.list[0]?.state ?? ''));
    uploads.add([file()]);
    await vi.waitFor(() => expect(uploads.list[0]).toMatchObject({ state: 'done', sent: 100 }), 20_000);
    expect(state.parts).toEqual([0, 30, 55]);
    expect(states).toContain('lost');
    expect(transport.create).toHaveBeenCalledTimes(1);
    expect(onDone).toHaveBeenCalledTimes(1);
    expect(kept.kept.size).toBe(0);
  });

  it('go on after the page was closed, when the same file is given again', async () => {
    const { transport, state } = server();
    const kept = memory();
    state.cut = [40];
    createUploads({ transport, memory: kept, onDone: () => undefined, delay: () => 1e9 }).add([file()]);
    await vi.waitFor(() => expect(state.parts).toEqual([0]), 20_000);
    const again = createUploads({ transport, memory: kept, onDone: () => undefined });
    again.add([file()]);
    await vi.waitFor(() => expect(again.list[0]?.state).toBe('done'), 20_000);
    expect(state.parts).toEqual([0, 40]);
  });

  it('begin anew where the server knows the upload no longer', async () => {
    const { transport, held, state } = server();
    const kept = memory();
    state.cut = [40];
    createUploads({ transport, memory: kept, onDone: () => undefined, delay: () => 1e9 }).add([file()]);
    await vi.waitFor(() => expect(state.parts).toEqual([0]), 20_000);
    held.clear();
    const again = createUploads({ transport, memory: kept, onDone: () => undefined });
    again.add([file()]);
    await vi.waitFor(() => expect(again.list[0]?.state).toBe('done'), 20_000);
    expect(state.parts).toEqual([0, 0]);
  });

  it('run two at a time', async () => {
    const { transport, state } = server();
    const uploads = createUploads({ transport, memory: memory(), onDone: () => undefined });
    uploads.add(['a', 'b', 'c', 'd', 'e'].map((name) => file(name)));
    expect(uploads.list.map((upload) => upload.state)).toEqual([
      'running',
      'running',
      'waiting',
      'waiting',
      'waiting',
    ]);
    await vi.waitFor(
      () => expect(uploads.list.every((upload) => upload.state === 'done')).toBe(true),
      20_000,
    );
    expect(state.most).toBeLessThanOrEqual(2);
    uploads.clear();
    expect(uploads.list).toEqual([]);
  });

  it('say why one is not taken, do not try that again by themselves, and do when told', async () => {
    const { transport, state } = server();
    const onDone = vi.fn();
    const uploads = createUploads({ transport, memory: memory(), onDone });
    vi.mocked(transport.create).mockRejectedValueOnce(new Rejected('Your quota is used up.'));
    uploads.add([file()]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe('failed'), 20_000);
    expect(uploads.list[0]?.message).toBe('Your quota is used up.');
    expect(onDone).not.toHaveBeenCalled();
    state.rejects = 'No picture.';
    uploads.retry(0);
    await vi.waitFor(() => expect(uploads.list[0]?.message).toBe('No picture.'), 20_000);
    expect(onDone).not.toHaveBeenCalled();
    expect(transport.create).toHaveBeenCalledTimes(2);
  });

  it('are ended at the server too when they are cancelled, and make room for the next', async () => {
    const { transport, state, held } = server();
    state.cut = [10];
    const kept = memory();
    const uploads = createUploads({ transport, memory: kept, onDone: () => undefined, delay: () => 1e9 });
    uploads.add([file('a'), file('b'), file('c')]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe('lost'), 20_000);
    uploads.cancel(0);
    await vi.waitFor(
      () => expect(uploads.list.map(({ state: one }) => one)).toEqual(['done', 'done']),
      20_000,
    );
    expect(transport.remove).toHaveBeenCalledWith('/uploads/0');
    expect(held.has('/uploads/0')).toBe(false);
    expect(kept.kept.size).toBe(0);
  });

  it('wait no longer once the connection is back', async () => {
    const { transport, state } = server();
    state.cut = [10];
    const uploads = createUploads({ transport, memory: memory(), onDone: () => undefined, delay: () => 1e9 });
    uploads.add([file()]);
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe('lost'), 20_000);
    uploads.wake();
    await vi.waitFor(() => expect(uploads.list[0]?.state).toBe('done'), 20_000);
  });
});
