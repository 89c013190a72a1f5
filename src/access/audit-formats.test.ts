import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { auditHead, auditLine } from './audit-formats.ts';
import type { AuditEvent } from './audit-log.ts';

const EVENT: AuditEvent = {
  id: 'audit_1',
  at: Date.UTC(2026, 4, 1),
  actorKind: 'PEER',
  actor: 'peer_1',
  action: 'media.served',
  target: 'media_1',
  peerId: 'peer_1',
  outcome: 'done',
  code: null,
  address: null,
  bytes: 2 ** 40,
  detail: { variant: 'original' },
};

/** The cells of one line, read as RFC 4180 says. */
function cells(line: string): string[] {
  expect(line.endsWith('\r\n')).toBe(true);
  const found = [...line.slice(0, -2).matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)];
  return found.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

describe('a line of the audit', () => {
  it('is one event of JSON, or one row of CSV', () => {
    expect(JSON.parse(auditLine(EVENT, 'ndjson'))).toEqual({ ...EVENT, at: '2026-05-01T00:00:00.000Z' });
    expect(cells(auditLine(EVENT, 'csv'))).toEqual([
      'audit_1',
      '2026-05-01T00:00:00.000Z',
      'PEER',
      'peer_1',
      'media.served',
      'media_1',
      'peer_1',
      'done',
      '',
      '',
      '1099511627776',
      '{"variant":"original"}',
    ]);
    expect(auditHead('csv').split(',')).toHaveLength(12);
    expect(auditHead('ndjson')).toBe('');
  });

  it('is never a formula to a spreadsheet', () => {
    for (const begin of [
      '=',
      '+',
      '-',
      '@',
      '\t=',
      '\r=',
      '\n=',
      ' =',
      '\u00a0=',
      '\u0000=',
      '\uff1d',
      '%',
      '|',
    ]) {
      const [, , , actor] = cells(
        auditLine({ ...EVENT, actor: `${begin}HYPERLINK("https://x","y")` }, 'csv'),
      );
      expect(actor, JSON.stringify(begin)).toBe(`'${begin}HYPERLINK("https://x","y")`);
    }
  });

  it('holds any text in its own cell', () => {
    fc.assert(
      fc.property(anyText(), anyText(), (actor, target) => {
        const line = auditLine({ ...EVENT, actor, target }, 'csv');
        const row = cells(line);
        expect(row).toHaveLength(12);
        expect([actor, `'${actor}`]).toContain(row[3]);
        expect([target, `'${target}`]).toContain(row[5]);
        const json = auditLine({ ...EVENT, actor, target }, 'ndjson');
        expect(json.trimEnd().includes('\n')).toBe(false);
        expect(JSON.parse(json)).toMatchObject({ actor, target });
      }),
    );
  });
});
