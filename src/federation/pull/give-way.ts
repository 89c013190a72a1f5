import { getPriority, setPriority } from 'node:os';

/**
 * Of 20 steps, how much later than the rest of the process: a third of the share of a processor, where both want it. Not the
 * least, for whoever waits to write also waits for the thread that stores.
 */
const LATER = 5;

/**
 * Lets the rest of the process go before this thread, for as long as it lives: what a pull computes can wait, who looks at a
 * page does not. On Linux a priority belongs to a thread; elsewhere it would be that of the whole process, and nothing is done.
 */
export function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, Math.min(19, getPriority(0) + LATER));
  } catch {
    // A sandbox may forbid it; then all are alike.
  }
}
