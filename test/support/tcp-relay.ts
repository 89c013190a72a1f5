/** A cable between a client and a server on 127.0.0.1 that can be pulled, and that can go silent. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpRelay extends AsyncDisposable {
  readonly port: number;
  /** `pass`: bytes go both ways. `silent`: connections are taken, and no byte goes on. `refuse`: nobody listens. */
  set(mode: 'pass' | 'silent' | 'refuse'): Promise<void>;
  /** Breaks all connections off that there are. */
  reset(): void;
}

export async function startTcpRelay(target: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let silent = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (silent) return void near.pause();
    const far = connect(target, '127.0.0.1');
    keep(far);
    near.pipe(far).pipe(near);
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    set: async (mode) => {
      silent = mode === 'silent';
      // What was pulled does not come back by itself: these connections are of no use any more.
      if (silent) {
        for (const socket of sockets) socket.unpipe().pause();
      } else {
        reset();
      }
      if (mode === 'refuse' && server.listening) {
        server.close();
      } else if (mode !== 'refuse' && !server.listening) {
        server.listen(port, '127.0.0.1');
        await once(server, 'listening');
      }
    },
    reset,
    [Symbol.asyncDispose]: async () => {
      reset();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
