/** A program that uses a pool and does not close it; it prints the id of the child. */

import { createMediaPool } from '../media-worker.ts';

const pool = createMediaPool({ size: 1, program: new URL('./faulty-child.ts', import.meta.url) });
const { pid } = (await pool.process('anything')) as unknown as { pid: number };
console.log(pid);
