/**
 * ffmpeg and ffprobe, where the machine has them. Everything works without: videos then have a generic poster.
 *
 * They read files of strangers, so: no shell, no network protocol, the demuxer named (a "video" that is a
 * playlist would otherwise make them open other files), one thread, limits on time and on output.
 */

import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { HedgerowError } from '../lib/errors.ts';
import type { Sniffed } from './sniff.ts';

export interface FfmpegTools {
  /** Absolute path, or null where there is none. */
  ffmpeg: string | null;
  ffprobe: string | null;
}

let onPath: Promise<FfmpegTools> | undefined;

/** The two programs as PATH has them, looked for once. What is given stands; null switches one off. */
export async function findFfmpeg(given: Partial<FfmpegTools> = {}): Promise<FfmpegTools> {
  onPath ??= Promise.all([which('ffmpeg'), which('ffprobe')]).then(([ffmpeg, ffprobe]) => ({
    ffmpeg,
    ffprobe,
  }));
  return { ...(await onPath), ...given };
}

const DEMUXERS: Record<string, string> = {
  'video/mp4': 'mov',
  'video/quicktime': 'mov',
  'video/webm': 'matroska',
  'video/x-matroska': 'matroska',
  'image/heic': 'mov',
  'image/heif': 'mov',
};

/** The options that come before the input, and the input itself. */
function input(path: string, sniffed: Sniffed): string[] {
  const demuxer = DEMUXERS[sniffed.mimeType];
  if (demuxer === undefined) throw new HedgerowError('INTERNAL', `No demuxer for ${sniffed.mimeType}.`);
  // `file:` keeps a name that looks like an option or an address from being one.
  return ['-protocol_whitelist', 'file', '-f', demuxer, '-i', `file:${resolve(path)}`];
}

/**
 * One frame as PNG bytes, upright, its longest edge at most `edge` pixels; null where none can be decoded.
 * @param seconds where in the video
 * @throws HedgerowError UNSUPPORTED_MEDIA after the time limit
 */
export async function videoFrame(
  ffmpeg: string,
  path: string,
  sniffed: Sniffed,
  seconds: number,
  options: { edge: number; timeoutMs: number },
): Promise<Buffer | null> {
  const { edge } = options;
  const fit = `scale='if(gte(iw*sar,ih),min(${edge},trunc(iw*sar)),-2)':'if(gte(iw*sar,ih),-2,min(${edge},ih))',setsar=1`;
  const { code, output } = await run(
    ffmpeg,
    [
      ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-threads', '1'],
      // Should nobody be left to stop it: seconds of processor time.
      ...['-timelimit', String(Math.ceil(options.timeoutMs / 1000))],
      ...(seconds > 0 ? ['-ss', seconds.toFixed(3)] : []),
      // A header that claims more than a 16K picture has is there to exhaust memory.
      ...['-max_pixels', '150000000'],
      ...input(path, sniffed),
      ...['-map', '0:v:0', '-frames:v', '1', '-an', '-sn', '-dn', '-vf', fit],
      ...['-c:v', 'png', '-compression_level', '1', '-pix_fmt', 'rgb24', '-f', 'image2pipe', 'pipe:1'],
    ],
    { timeoutMs: options.timeoutMs, maxOutput: 64 * 1024 * 1024 },
  );
  return code === 0 && output.length > 0 ? output : null;
}

/**
 * What ffprobe knows about a file, as its JSON; null where it does not understand it.
 * @throws HedgerowError UNSUPPORTED_MEDIA after the time limit
 */
export async function ffprobeJson(
  ffprobe: string,
  path: string,
  sniffed: Sniffed,
  timeoutMs: number,
): Promise<unknown> {
  const { code, output } = await run(
    ffprobe,
    ['-loglevel', 'error', '-of', 'json', '-show_format', '-show_streams', ...input(path, sniffed)],
    { timeoutMs, maxOutput: 1024 * 1024 },
  );
  if (code !== 0) return null;
  try {
    return JSON.parse(output.toString('utf8'));
  } catch {
    return null;
  }
}

interface Finished {
  /** null where a signal ended it, or the output limit did. */
  code: number | null;
  output: Buffer;
}

async function run(
  program: string,
  args: readonly string[],
  limits: { timeoutMs: number; maxOutput: number },
): Promise<Finished> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  let size = 0;
  let late = false;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limits.maxOutput) child.kill('SIGKILL');
    else chunks.push(chunk);
  });
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limits.timeoutMs);
  try {
    const code = await new Promise<number | null>((done, fail) => {
      child.once('error', fail);
      child.once('close', done);
    });
    if (late) throw new HedgerowError('UNSUPPORTED_MEDIA', 'Reading the video took too long.');
    return { code, output: Buffer.concat(chunks) };
  } catch (error) {
    if (error instanceof HedgerowError) throw error;
    throw new HedgerowError('UNAVAILABLE', 'The video reader could not be started.', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function which(name: string): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue; // an empty entry means the working directory, which is nobody's to trust
    const candidate = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return null;
}
