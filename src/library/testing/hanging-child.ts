/** The real child, whose thread is blocked by the first file, as a decoder without end would block it. */

import '../media-child.ts';

process.on('message', () => {
  for (;;);
});
