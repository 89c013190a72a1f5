/** The pictures that stand for files of which no picture can be made: drawn by us, the same on every machine. */

import type { MediaKind } from '../lib/media.ts';

/** Pixels of the longest edge; flat shapes need no more. */
const EDGE = 1280;

/**
 * A poster as SVG, without text, as fonts differ from machine to machine.
 * @param shape the size of what it stands for, in any unit; 16:9, 4:3 and A4 upright where it is not known
 */
export function posterSvg(kind: MediaKind, shape?: { width: number; height: number }): Buffer {
  const usual = { VIDEO: 16 / 9, IMAGE: 4 / 3, DOCUMENT: 210 / 297 }[kind];
  // Extreme strips would have no room for the sign.
  const ratio = Math.min(3, Math.max(1 / 3, shape === undefined ? usual : shape.width / shape.height));
  const width = Math.round(ratio >= 1 ? EDGE : EDGE * ratio);
  const height = Math.round(ratio >= 1 ? EDGE / ratio : EDGE);
  const { sky, hills, sign } = LOOKS[kind];
  const hill = (y: number, lift: number, colour: string) =>
    `<path fill="${colour}" d="M0 ${height * y}C${width * 0.25} ${height * (y - lift)} ${width * 0.4} ${height * (y + lift / 2)} ${width * 0.6} ${height * (y - lift / 4)}S${width * 0.85} ${height * (y - lift)} ${width} ${height * (y - lift / 2)}V${height}H0Z"/>`;
  const unit = Math.min(width, height) / 100;
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
      `<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="${sky[0]}"/><stop offset="1" stop-color="${sky[1]}"/></linearGradient></defs>` +
      `<rect width="100%" height="100%" fill="url(#s)"/>` +
      hill(0.66, 0.16, hills[0]) +
      hill(0.78, 0.14, hills[1]) +
      hill(0.9, 0.1, hills[2]) +
      `<g transform="translate(${width / 2} ${height / 2}) scale(${unit})">${sign}</g></svg>`,
  );
}

/** Signs are drawn around 0, 0 in hundredths of the shorter edge. */
const LOOKS = {
  VIDEO: {
    sky: ['#1f3a4d', '#6d8f8c'],
    hills: ['#3f6a5e', '#2f5347', '#203c34'],
    sign: '<circle r="17" fill="#fdf6e3" fill-opacity=".92"/><path d="M-5.5-9.2v18.4a1.2 1.2 0 0 0 1.8 1L11.6 1a1.2 1.2 0 0 0 0-2L-3.7-10.2a1.2 1.2 0 0 0-1.8 1Z" fill="#203c34"/>',
  },
  IMAGE: {
    sky: ['#e8b27a', '#f4e2c0'],
    hills: ['#9db08a', '#728f6d', '#4c6b52'],
    sign: '<rect x="-20" y="-15" width="40" height="30" rx="3" fill="#fdf6e3" fill-opacity=".94"/><circle cx="-9" cy="-5" r="3.6" fill="#e0a04c"/><path d="M-16 11-6 0l6 6 7-9 9 14Z" fill="#4c6b52"/>',
  },
  DOCUMENT: {
    sky: ['#c9d3d6', '#eef0ea'],
    hills: ['#b3c1b4', '#93a897', '#73897a'],
    sign: '<path d="M-16-22h22l10 10v34a2 2 0 0 1-2 2h-30a2 2 0 0 1-2-2v-42a2 2 0 0 1 2-2Z" fill="#fffdf6"/><path d="M6-22v8a2 2 0 0 0 2 2h8Z" fill="#b8c4b8"/><path d="M-10-5h20M-10 2h20M-10 9h20M-10 16h12" stroke="#73897a" stroke-width="2.4" stroke-linecap="round"/>',
  },
} as const;
