/**
 * How soon a pull follows a hint of the peer. Hints are signed by nobody, so whoever sends them must not make us ask on and
 * on: there is always a while between the beginnings of two pulls, and a longer one where hints come to nothing.
 */

/** ms between the beginnings of two pulls that hints bring about. */
const APART = 1_000;
/** An honest peer's hint may come to nothing where the pull before it was quicker; so many in a row cost nothing. */
const IDLE = 5;
const LONGEST = 60_000;

/**
 * ms from now on.
 *
 * @param idle - hints in a row at which a pull found nothing
 * @param since - ms since the last pull began
 */
export function hintDelay(idle: number, since: number): number {
  const apart = Math.min(APART * 2 ** Math.max(0, idle - IDLE), LONGEST);
  // A clock that was set back makes nobody wait for longer.
  return Math.min(Math.max(0, apart - since), apart);
}
