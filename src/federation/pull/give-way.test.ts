import { once } from 'node:events';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

it.runIf(process.platform === 'linux')('lets the rest of the process go before its thread', async () => {
  const before = getPriority(0);
  const program = `
    import { getPriority } from 'node:os';
    import { parentPort } from 'node:worker_threads';
    import { giveWay } from ${JSON.stringify(new URL('give-way.ts', import.meta.url).href)};
    giveWay();
    parentPort.postMessage(getPriority(0));
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
  try {
    const [own] = await once(worker, 'message');
    expect(own).toBe(Math.min(19, before + 5));
    expect(getPriority(0)).toBe(before);
  } finally {
    await worker.terminate();
  }
});
