import { HedgerowError, systemCode } from '../lib/errors.ts';

/**
 * What a file system said, in this project's words: NOT_FOUND, QUOTA_EXCEEDED, or UNAVAILABLE for everything
 * else that has a system code. Other errors come back as they are.
 */
export function translateFileError(error: unknown): unknown {
  if (error instanceof HedgerowError) return error;
  switch (systemCode(error)) {
    case undefined:
      return error;
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
      return new HedgerowError('NOT_FOUND', undefined, { cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new HedgerowError('QUOTA_EXCEEDED', 'There is no room left on the disk.', { cause: error });
    default:
      return new HedgerowError('UNAVAILABLE', 'The file cannot be read or written right now.', {
        cause: error,
      });
  }
}

/** Runs `work` with its errors translated. */
export async function translatingFileErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateFileError(error);
  }
}
