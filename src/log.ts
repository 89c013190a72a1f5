import { type Logger, pino } from 'pino';
import type { LogLevel } from './config/config.ts';
import type { FederationLog } from './federation/context.ts';

/**
 * Lines of JSON on standard error. Standard output is for people.
 *
 * Whatever carries a secret by its name is blotted out, should a whole request or row ever be logged.
 */
export function createLog(level: LogLevel, destination: NodeJS.WritableStream = process.stderr): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          'req.headers.authorization',
          'req.headers.cookie',
          'headers.authorization',
          'headers.cookie',
          '*.token',
          '*.password',
          '*.seed',
          '*.code.key',
        ],
        censor: '[secret]',
      },
    },
    destination,
  );
}

/** One line for each event of federation. */
export function federationLog(log: Logger): FederationLog {
  return {
    paired: (event) => log.info(event, 'paired'),
    refused: (event) => log.warn(event, 'refused a peer'),
    keyFollowed: (event) => log.warn(event, 'followed a peer to its new key'),
    keyForked: (event) =>
      log.error(event, 'two keys claim to follow the key of a peer; nothing was followed'),
    keyRotated: (event) => log.warn(event, "changed this instance's key"),
    credentialRotated: (event) => log.info(event, 'made a new credential'),
    revoked: (event) => log.info(event, 'revoked a peer'),
    pulled: (event) => log.info(event, 'pulled'),
    pullFailed: ({ cause, ...event }) => log.warn({ ...event, err: cause }, 'a pull failed'),
    failed: ({ what, error }) => log.error({ err: error }, `${what} failed`),
  };
}
