/** A child for the pool's tests that breaks in the way that the file's name asks for. */

process.on('message', ({ id, path }: { id: number; path: string }) => {
  if (path === 'crash') process.abort();
  if (path === 'exit') process.exit(0);
  if (path === 'hang') for (;;);
  if (path === 'eat') {
    const eaten: Buffer[] = [];
    for (;;) eaten.push(Buffer.alloc(16 * 1024 * 1024, 1));
  }
  const result = { pid: process.pid, env: Object.keys(process.env).sort() };
  process.send?.({ id, result });
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
