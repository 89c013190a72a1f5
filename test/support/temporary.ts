/**
 * Where the run's temporary files lie: in memory, where the system keeps room for that. Tests commit some ten thousand times
 * and open some hundred databases, each of them in files that nobody looks at a second time.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const NAME = 'hedgerow-tests-';
/** Bytes that must be free; a run takes about a third of them. */
const ROOM = 6 * 1024 ** 3;

/** Sets TMPDIR for all processes that begin from now on, and answers what removes the folder; null where the disk is as good. */
export function takeTemporaryFolder(): (() => void) | null {
  try {
    removeLeftOver();
    const { bavail, bsize } = statfsSync(MEMORY);
    if (Math.min(bavail * bsize, freemem()) < ROOM) return null;
    const folder = mkdtempSync(join(MEMORY, `${NAME}${process.pid}-`));
    const remove = () => rmSync(folder, { recursive: true, force: true });
    if (!runsPrograms(folder)) {
      remove();
      return null;
    }
    // PostgreSQL, which runs as another user where the tests run as root, must reach its own folder in it.
    chmodSync(folder, 0o755);
    process.env['TMPDIR'] = folder;
    return remove;
  } catch {
    return null;
  }
}

/** Containers often forbid it there; tests put programs of their own in the place of others. */
function runsPrograms(folder: string): boolean {
  const program = join(folder, 'program');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  try {
    execFileSync(program);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(program);
  }
}

/** What a run that was killed has left would stay in memory. */
function removeLeftOver(): void {
  for (const name of readdirSync(MEMORY)) {
    const pid = name.startsWith(NAME) ? Number(name.slice(NAME.length).split('-', 1)[0]) : 0;
    if (pid > 0 && !isRunning(pid)) rmSync(join(MEMORY, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
