/** The thread that puts SQLite's log into the file (checkpoints.ts), on a connection of its own, whenever it is told to. */
import { parentPort, workerData } from 'node:worker_threads';
import { writeCompiledCode } from '../lib/compile-cache.ts';
import { connect } from './sqlite.ts';

if (parentPort === null) throw new Error('This runs as a thread.');
const port = parentPort;
const connection = connect(workerData as string);
writeCompiledCode();

port.on('message', (message: 'run' | 'end') => {
  if (message === 'end') {
    connection.close();
    port.close();
    return;
  }
  try {
    connection.pragma('wal_checkpoint(PASSIVE)');
  } catch {
    // As of a full disk: a later one does it.
  }
  port.postMessage('done');
});
