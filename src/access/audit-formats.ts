/** Events of the audit as lines of a file: JSON, or CSV (RFC 4180) that a spreadsheet takes for nothing but text. */
import type { AuditEvent } from './audit-log.ts';

export const AUDIT_FORMATS = ['ndjson', 'csv'] as const;
export type AuditFormat = (typeof AUDIT_FORMATS)[number];

const COLUMNS = [
  'id',
  'at',
  'actorKind',
  'actor',
  'action',
  'target',
  'peerId',
  'outcome',
  'code',
  'address',
  'bytes',
  'detail',
] as const satisfies readonly (keyof AuditEvent)[];

export function auditHead(format: AuditFormat): string {
  return format === 'csv' ? `${COLUMNS.join(',')}\r\n` : '';
}

export function auditLine(event: AuditEvent, format: AuditFormat): string {
  const shown = { ...event, at: new Date(event.at).toISOString() };
  if (format === 'ndjson') return `${JSON.stringify(shown)}\n`;
  return `${COLUMNS.map((column) => cell(shown[column])).join(',')}\r\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // Spreadsheets compute what begins like a formula, some also after white space or in full width, and a peer may have
  // chosen the text. What begins as our own values do is safe.
  const tame = /^[A-Za-z0-9{:]/.test(text) ? text : `'${text}`;
  return `"${tame.replaceAll('"', '""')}"`;
}
