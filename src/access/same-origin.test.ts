import { expect, test } from 'vitest';
import { assertSameOrigin } from './same-origin.ts';

const policy = {
  publicUrl: new URL('https://home.example/hedgerow'),
  allowedOrigins: ['https://gallery.example'],
};

test.each([
  ['a page of ours', { 'sec-fetch-site': 'same-origin', origin: 'https://home.example' }],
  ['a page of ours under another name', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:4000' }],
  ['a person typing', { 'sec-fetch-site': 'none' }],
  ['a page of ours without TLS', { origin: 'http://192.168.1.5:4000', host: '192.168.1.5:4000' }],
  ['a page of ours behind a proxy', { origin: 'https://home.example', host: 'inside:4000' }],
  ['a program', { host: 'home.example' }],
  ['a frontend that the owner trusts', { 'sec-fetch-site': 'cross-site', origin: 'https://gallery.example' }],
])('%s may act', (_, headers) => {
  expect(() => assertSameOrigin(headers, policy)).not.toThrow();
});

test.each([
  ['a foreign page', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
  [
    'a neighbour under the same domain',
    { 'sec-fetch-site': 'same-site', origin: 'https://evil.home.example' },
  ],
  ['a foreign page without TLS', { origin: 'http://evil.example', host: '192.168.1.5:4000' }],
  ['another port of this machine', { origin: 'http://127.0.0.1:9999', host: '127.0.0.1:4000' }],
  ['a sandboxed page', { origin: 'null', host: '127.0.0.1:4000' }],
])('%s may not', (_, headers) => {
  expect(() => assertSameOrigin(headers, policy)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
});
