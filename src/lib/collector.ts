import { setFlagsFromString } from 'node:v8';

/** The first version of Node whose V8 was seen to know the flag; an earlier one might complain of it. */
const SINCE = 26;

/**
 * Lets V8 count memory outside of its heap, such as each piece that a socket brings, together with the heap's own. By itself it
 * looks through all objects after each 30 MB or so of such pieces, however soon they are let go of: half of the CPU of a stream
 * from a peer. See docs/adr/0091-memory-outside-of-the-heap-is-counted-with-it.md. To be called before anything large is loaded.
 */
export function countMemoryTogether(): void {
  if (Number.parseInt(process.versions.node, 10) < SINCE) return;
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
