/**
 * Makes the sample media of this folder anew: `npx node samples/make.ts`. Everything is drawn by this script, from
 * seeded noise and shapes; the videos need ffmpeg (with x264 and VP9), the rest only what the project has anyway.
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp, { type Sharp } from 'sharp';

const HERE = import.meta.dirname;
const run = promisify(execFile);

/** A small seeded generator (mulberry32): the same pictures on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Rgb = readonly [number, number, number];

function rgb(hex: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
}

function mix(from: string, to: string, share: number): string {
  const [a, b] = [rgb(from), rgb(to)];
  return `#${a
    .map((value, i) =>
      Math.round(value + ((b[i] ?? 0) - value) * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

/** A closed outline from the left edge to the right one: octaves of sines, the way distant ridges look. */
function ridge(
  next: () => number,
  width: number,
  height: number,
  base: number,
  rise: number,
  rough: number,
): string {
  const waves = Array.from({ length: 6 }, (_, octave) => ({
    size: rise / 1.9 ** octave,
    length: (width * (0.9 + next() * 0.5)) / (1.2 + rough) ** octave,
    shift: next() * Math.PI * 2,
  }));
  const points: string[] = [];
  for (let x = 0; x <= width; x += 4) {
    const y = waves.reduce(
      (sum, wave) => sum + Math.sin((x / wave.length) * Math.PI * 2 + wave.shift) * wave.size,
      base,
    );
    points.push(`${x} ${y.toFixed(1)}`);
  }
  return `M0 ${height}L${points.join('L')}L${width} ${height}Z`;
}

function svg(width: number, height: number, body: string, defs = ''): Buffer {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><defs>${defs}</defs>${body}</svg>`,
  );
}

function gradient(id: string, stops: readonly string[], horizontal = false): string {
  const list = stops
    .map((colour, i) => `<stop offset="${i / (stops.length - 1)}" stop-color="${colour}"/>`)
    .join('');
  return `<linearGradient id="${id}" ${horizontal ? '' : 'x2="0" y2="1"'}>${list}</linearGradient>`;
}

function glow(id: string, colour: string): string {
  return `<radialGradient id="${id}"><stop stop-color="${colour}"/><stop offset=".18" stop-color="${colour}" stop-opacity=".75"/><stop offset="1" stop-color="${colour}" stop-opacity="0"/></radialGradient>`;
}

interface Landscape {
  seed: number;
  width: number;
  height: number;
  sky: readonly string[];
  /** Farthest and nearest ridge. */
  hills: readonly [string, string];
  layers: number;
  /** Of the picture's height. */
  horizon: number;
  rough: number;
  sun: { x: number; y: number; size: number; colour: string };
  extra?: (next: () => number) => string;
}

function landscape(look: Landscape): Buffer {
  const { width, height, layers, horizon, sun } = look;
  const next = random(look.seed);
  let body = `<rect width="100%" height="100%" fill="url(#sky)"/>`;
  const [x, y, size] = [sun.x * width, sun.y * height, sun.size * height];
  body += `<circle cx="${x}" cy="${y}" r="${size * 5}" fill="url(#sun)"/><circle cx="${x}" cy="${y}" r="${size}" fill="${sun.colour}"/>`;
  body += clouds(next, width, height * horizon);
  for (let layer = 0; layer < layers; layer++) {
    const depth = layer / Math.max(1, layers - 1);
    const base = height * (horizon + (1 - horizon) * 0.82 * depth);
    const colour = mix(look.hills[0], look.hills[1], depth);
    body += `<path fill="${colour}" d="${ridge(next, width, height, base, height * (0.05 + depth * 0.02), look.rough)}"/>`;
    // Mist lies in the valleys between the ridges.
    if (depth < 0.8) {
      body += `<rect y="${base}" width="${width}" height="${height * 0.14}" fill="url(#mist)" opacity="${0.5 - depth * 0.45}"/>`;
    }
  }
  body += look.extra?.(next) ?? '';
  const mist = `<linearGradient id="mist" x2="0" y2="1"><stop stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-color="${look.sky.at(-1)}"/></linearGradient>`;
  return svg(width, height, body, gradient('sky', look.sky) + glow('sun', sun.colour) + mist + SOFT);
}

const SOFT = '<filter id="soft"><feGaussianBlur stdDeviation="9"/></filter>';

function clouds(next: () => number, width: number, below: number): string {
  let out = '<g fill="#fff" filter="url(#soft)">';
  for (let cloud = 0; cloud < 7; cloud++) {
    const [x, y, size] = [next() * width, below * (0.1 + next() * 0.65), width * (0.04 + next() * 0.07)];
    for (let puff = 0; puff < 5; puff++) {
      out += `<ellipse cx="${x + (next() - 0.5) * size * 3}" cy="${y + (next() - 0.5) * size * 0.16}" rx="${size * (0.4 + next())}" ry="${size * 0.09}" opacity="${0.12 + next() * 0.16}"/>`;
    }
  }
  return `${out}</g>`;
}

/** A clipped hedge: many small leaves, dark below, light above, some blossoms. */
function hedge(
  next: () => number,
  box: { x: number; y: number; w: number; h: number },
  blossom: string | null,
): string {
  const { x, y, w, h } = box;
  let out = `<rect x="${x}" y="${y + h * 0.06}" width="${w}" height="${h}" rx="${h * 0.08}" fill="#1d3a26"/>`;
  const leaves = Math.round((w * h) / 260);
  for (let leaf = 0; leaf < leaves; leaf++) {
    const down = next() ** 0.8;
    const colour = mix('#a9cf6b', '#24502f', Math.min(1, down * 0.9 + next() * 0.25));
    const [cx, cy, r] = [x + next() * w, y + down * h, 7 + next() * 9];
    out += `<ellipse cx="${cx.toFixed(0)}" cy="${cy.toFixed(0)}" rx="${r.toFixed(1)}" ry="${(r * 0.55).toFixed(1)}" fill="${colour}" transform="rotate(${Math.round(next() * 180)} ${cx.toFixed(0)} ${cy.toFixed(0)})"/>`;
  }
  if (blossom !== null) {
    for (let flower = 0; flower < leaves / 45; flower++) {
      out += bloom(next, x + next() * w, y + next() * h * 0.9, 8 + next() * 8, blossom, 5);
    }
  }
  return out;
}

function bloom(
  next: () => number,
  x: number,
  y: number,
  size: number,
  colour: string,
  petals: number,
  heart = '#f4c64e',
): string {
  const start = next() * 90;
  let out = `<g transform="translate(${x.toFixed(0)} ${y.toFixed(0)}) rotate(${start.toFixed(0)})">`;
  for (let petal = 0; petal < petals; petal++) {
    const tint = mix(colour, '#ffffff', next() * 0.25);
    out += `<ellipse cy="${(-size * 0.62).toFixed(1)}" rx="${(size * 0.36 * (6 / petals) ** 0.5).toFixed(1)}" ry="${(size * 0.62).toFixed(1)}" fill="${tint}" transform="rotate(${((360 / petals) * petal).toFixed(0)})"/>`;
  }
  return `${out}<circle r="${(size * 0.3).toFixed(1)}" fill="${heart}"/></g>`;
}

function stalk(next: () => number, x: number, from: number, to: number, width: number): string {
  const bend = (next() - 0.5) * 120;
  return `<path d="M${x} ${from}q${bend} ${(to - from) * 0.5} 0 ${to - from}" fill="none" stroke="${mix('#3f7a3a', '#7fa94a', next())}" stroke-width="${width}"/>`;
}

function meadow(width: number, height: number, seed: number, colours: readonly string[]): Buffer {
  const next = random(seed);
  let body = '<rect width="100%" height="100%" fill="url(#sky)"/>';
  body += `<circle cx="${width * 0.74}" cy="${height * 0.2}" r="${height * 0.55}" fill="url(#sun)"/>`;
  body += `<path fill="#9dbb78" opacity=".8" d="${ridge(next, width, height, height * 0.52, height * 0.04, 0.4)}"/>`;
  body += `<path fill="#6f9a56" d="${ridge(next, width, height, height * 0.62, height * 0.03, 0.5)}"/>`;
  // From far and small to near and large.
  for (let flower = 0; flower < 420; flower++) {
    const near = (flower / 420) ** 1.6;
    const [x, y, size] = [next() * width, height * (0.62 + near * 0.36), height * (0.006 + near * 0.05)];
    const blur = near < 0.1 ? ' filter="url(#soft)"' : '';
    body += `<g${blur}>${stalk(next, x, y + size * 5, y, 1 + near * 7)}${bloom(next, x, y, size, colours[Math.floor(next() * colours.length)] ?? '#fff', 5 + Math.floor(next() * 4))}</g>`;
  }
  return svg(
    width,
    height,
    body,
    gradient('sky', ['#7fb3d9', '#dcebe2', '#f3eccb']) + glow('sun', '#fff3c9') + SOFT,
  );
}

function closeUp(size: number, seed: number): Buffer {
  const next = random(seed);
  let body = '<rect width="100%" height="100%" fill="url(#sky)"/><g filter="url(#far)">';
  for (let spot = 0; spot < 60; spot++) {
    body += `<circle cx="${next() * size}" cy="${next() * size}" r="${size * (0.02 + next() * 0.07)}" fill="${mix('#7da35a', '#dfe9a8', next())}" opacity=".35"/>`;
  }
  body += `</g><path d="M${size * 0.52} ${size}Q${size * 0.46} ${size * 0.75} ${size / 2} ${size / 2}" fill="none" stroke="#4f7a3b" stroke-width="${size * 0.022}"/>`;
  body += `<g transform="translate(${size / 2} ${size * 0.46})">`;
  for (const [ring, count] of [
    [0.36, 21],
    [0.29, 17],
    [0.22, 13],
  ] as const) {
    for (let petal = 0; petal < count; petal++) {
      const length = size * ring * (0.94 + next() * 0.1);
      body += `<path d="M0 0C${length * 0.2} ${-length * 0.35} ${length * 0.17} ${-length * 0.85} 0 ${-length}C${-length * 0.17} ${-length * 0.85} ${-length * 0.2} ${-length * 0.35} 0 0Z" fill="url(#petal)" stroke="#b34a2c" stroke-opacity=".18" stroke-width="2" transform="rotate(${(360 / count) * petal + ring * 200})"/>`;
    }
  }
  for (let seedling = 0; seedling < 420; seedling++) {
    const angle = seedling * 2.399963;
    const radius = Math.sqrt(seedling / 420) * size * 0.115;
    body += `<circle cx="${Math.cos(angle) * radius}" cy="${Math.sin(angle) * radius}" r="${size * 0.0055}" fill="${mix('#5a2f16', '#d99a3d', seedling / 420)}"/>`;
  }
  const petal =
    '<linearGradient id="petal" x2="0" y2="1"><stop stop-color="#ffd35c"/><stop offset="1" stop-color="#e0662f"/></linearGradient>';
  const far = `<filter id="far"><feGaussianBlur stdDeviation="${size * 0.02}"/></filter>`;
  return svg(size, size, `${body}</g>`, gradient('sky', ['#a9c77c', '#5e8a4f', '#37603d']) + petal + far);
}

/** The sea seen from a beach; `time` in seconds moves the waves. */
function sea(
  width: number,
  height: number,
  look: {
    seed: number;
    sky: readonly string[];
    water: readonly [string, string];
    sun: Landscape['sun'];
    boat?: boolean;
    lighthouse?: boolean;
    sand?: boolean;
  },
  time = 0,
): Buffer {
  const next = random(look.seed);
  const horizon = height * 0.46;
  const [sx, sy, size] = [look.sun.x * width, look.sun.y * height, look.sun.size * height];
  let body = `<rect width="100%" height="100%" fill="url(#sky)"/><circle cx="${sx}" cy="${sy}" r="${size * 5}" fill="url(#sun)"/><circle cx="${sx}" cy="${sy}" r="${size}" fill="${look.sun.colour}"/>`;
  body += clouds(next, width, horizon);
  body += `<rect y="${horizon}" width="100%" height="${height - horizon}" fill="url(#water)"/>`;
  for (let row = 0; row < 60; row++) {
    const near = (row / 60) ** 1.7;
    const y = horizon + 2 + near * (height - horizon);
    const dash = 8 + near * 160;
    for (let stroke = 0; stroke < 15 - near * 6; stroke++) {
      const x =
        ((next() * width * 1.2 + time * (6 + near * 70) * (next() < 0.5 ? 1 : 0.7)) % (width * 1.2)) -
        width * 0.1;
      const lit = Math.max(0, 1 - Math.abs(x - sx) / (size * (1.5 + near * 5)));
      const bob = Math.sin(time * 2 + row + stroke) * (0.5 + near * 5);
      body += `<ellipse cx="${x.toFixed(1)}" cy="${(y + bob).toFixed(1)}" rx="${(dash * (0.4 + next())).toFixed(1)}" ry="${(0.6 + near * 5).toFixed(1)}" fill="${mix(look.water[0], lit > 0 ? look.sun.colour : '#ffffff', 0.3 + lit * 0.6)}" opacity="${(0.12 + lit * 0.6 * next() + 0.1 * next()).toFixed(2)}"/>`;
    }
  }
  if (look.lighthouse) {
    const [x, foot, tall] = [width * 0.78, horizon + height * 0.015, height * 0.3];
    body += `<path fill="#2e3d44" d="M${width * 0.6} ${horizon + 6}C${width * 0.66} ${horizon - height * 0.02} ${width * 0.7} ${horizon - height * 0.06} ${x} ${horizon - height * 0.055}S${width * 0.95} ${horizon - height * 0.09} ${width} ${horizon - height * 0.1}V${horizon + height * 0.03}C${width * 0.85} ${horizon + height * 0.04} ${width * 0.7} ${horizon + height * 0.02} ${width * 0.6} ${horizon + 6}Z"/>`;
    const base = foot - height * 0.06;
    const half = tall * 0.075;
    body += `<path fill="#f6efe2" d="M${x - half} ${base}L${x - half * 0.62} ${base - tall * 0.8}H${x + half * 0.62}L${x + half} ${base}Z"/>`;
    for (const band of [0.15, 0.45]) {
      const w = half * (1 - band * 0.45);
      body += `<path fill="#c4473a" d="M${x - w} ${base - tall * band}L${x - w * 0.93} ${base - tall * (band + 0.14)}H${x + w * 0.93}L${x + w} ${base - tall * band}Z"/>`;
    }
    body += `<rect x="${x - half * 0.85}" y="${base - tall * 0.83}" width="${half * 1.7}" height="${tall * 0.04}" fill="#2e3d44"/><rect x="${x - half * 0.45}" y="${base - tall * 0.94}" width="${half * 0.9}" height="${tall * 0.12}" fill="#ffe9a8"/><path fill="#c4473a" d="M${x - half * 0.65} ${base - tall * 0.94}L${x} ${base - tall * 1.05}L${x + half * 0.65} ${base - tall * 0.94}Z"/>`;
  }
  if (look.boat) {
    const [x, y, s] = [
      width * (0.3 + time * 0.012),
      horizon + height * 0.1 + Math.sin(time * 2) * 3,
      height * 0.1,
    ];
    body += `<g transform="translate(${x} ${y}) rotate(${Math.sin(time * 1.7) * 3})"><path fill="#fbf7ee" d="M0 ${-s * 1.9}C${s * 0.9} ${-s * 1.2} ${s * 0.9} ${-s * 0.6} ${s * 0.75} ${-s * 0.2}H0Z"/><path fill="#e9ddc6" d="M${-s * 0.08} ${-s * 1.7}C${-s * 0.5} ${-s} ${-s * 0.6} ${-s * 0.6} ${-s * 0.6} ${-s * 0.2}H${-s * 0.08}Z"/><path fill="#8c3b2e" d="M${-s} ${-s * 0.1}H${s * 1.05}C${s * 0.8} ${s * 0.3} ${s * 0.5} ${s * 0.35} 0 ${s * 0.35}S${-s * 0.8} ${s * 0.3} ${-s} ${-s * 0.1}Z"/></g>`;
  }
  if (look.sand) {
    const reach = Math.sin(time * 0.9) * height * 0.012;
    const edge = (lift: number) =>
      `M0 ${height * (0.86 + lift) + reach}C${width * 0.2} ${height * (0.8 + lift) + reach} ${width * 0.35} ${height * (0.9 + lift) - reach} ${width * 0.55} ${height * (0.85 + lift)}S${width * 0.85} ${height * (0.9 + lift) + reach} ${width} ${height * (0.83 + lift)}V${height}H0Z`;
    body += `<path d="${edge(-0.012)}" fill="#fff" opacity=".85"/><path d="${edge(0.004)}" fill="#b89a70"/><path d="${edge(0.03)}" fill="#dcc294"/>`;
    for (let grain = 0; grain < 260; grain++) {
      body += `<circle cx="${(next() * width).toFixed(0)}" cy="${(height * (0.93 + next() * 0.07)).toFixed(0)}" r="${(1 + next() * 2.4).toFixed(1)}" fill="${mix('#a5865c', '#f7e8c8', next())}"/>`;
    }
  }
  return svg(
    width,
    height,
    body,
    gradient('sky', look.sky) + gradient('water', look.water) + glow('sun', look.sun.colour) + SOFT,
  );
}

/** Film grain keeps large gradients from banding. */
async function grain(picture: Sharp, strength: number, seed: number): Promise<Sharp> {
  const { data, info } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const next = random(seed);
  for (let at = 0; at < data.length; at += 3) {
    const noise = (next() + next() - 1) * strength;
    for (let channel = 0; channel < 3; channel++) {
      data[at + channel] = Math.max(0, Math.min(255, Math.round((data[at + channel] ?? 0) + noise)));
    }
  }
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } });
}

interface Shot {
  taken: string;
  offset?: string;
  title: string;
  tags: readonly string[];
  make?: readonly [string, string];
  exposure?: { f: string; t: string; iso: string; mm: string };
  place?: { latitude: string; longitude: string; altitude: string };
}

function withTags(picture: Sharp, shot: Shot): Sharp {
  const exposure = shot.exposure;
  const items = (names: readonly string[]) => names.map((name) => `<rdf:li>${name}</rdf:li>`).join('');
  return picture
    .withExif({
      IFD0: {
        Make: shot.make?.[0] ?? 'Hedgerow',
        Model: shot.make?.[1] ?? 'Sketchbook 1',
        Artist: 'The Hedgerow authors',
        Copyright: 'CC0 1.0',
      },
      IFD2: {
        DateTimeOriginal: shot.taken,
        ...(shot.offset === undefined ? {} : { OffsetTimeOriginal: shot.offset }),
        ...(exposure === undefined
          ? {}
          : {
              FNumber: exposure.f,
              ExposureTime: exposure.t,
              ISOSpeedRatings: exposure.iso,
              FocalLength: exposure.mm,
            }),
      },
      ...(shot.place === undefined
        ? {}
        : {
            IFD3: {
              GPSLatitudeRef: 'N',
              GPSLatitude: shot.place.latitude,
              GPSLongitudeRef: 'E',
              GPSLongitude: shot.place.longitude,
              GPSAltitudeRef: '0',
              GPSAltitude: shot.place.altitude,
            },
          }),
    })
    .withXmp(
      `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">${shot.title}</rdf:li></rdf:Alt></dc:title><dc:subject><rdf:Bag>${items(shot.tags)}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>`,
    );
}

async function makePictures(): Promise<void> {
  const garden = (name: string) => join(HERE, 'garden', name);
  const coast = (name: string) => join(HERE, 'coast', name);
  const jpeg = { quality: 82, mozjpeg: true };

  const dawn = landscape({
    seed: 3,
    width: 2400,
    height: 1600,
    layers: 6,
    horizon: 0.42,
    rough: 0.55,
    sky: ['#34517a', '#c98f88', '#f6cf9a'],
    hills: ['#b08f93', '#1f3b33'],
    sun: { x: 0.68, y: 0.36, size: 0.035, colour: '#ffe7b0' },
  });
  await withTags(await grain(sharp(dawn), 7, 1), {
    taken: '2025:05:18 05:42:10',
    offset: '+02:00',
    title: 'Dawn over the valley',
    tags: ['dawn', 'hills', 'mist'],
    exposure: { f: '8/1', t: '1/60', iso: '100', mm: '35/1' },
    place: { latitude: '51/1 3/1 36/1', longitude: '13/1 44/1 24/1', altitude: '212/1' },
  })
    .jpeg(jpeg)
    .toFile(garden('dawn-over-the-valley.jpg'));

  const hedgeNext = random(12);
  const hedgePicture = landscape({
    seed: 8,
    width: 2000,
    height: 1500,
    layers: 3,
    horizon: 0.4,
    rough: 0.4,
    sky: ['#6aa5d8', '#bfe0ea', '#eef3dc'],
    hills: ['#a5c3a0', '#7dab5f'],
    sun: { x: 0.2, y: 0.16, size: 0.04, colour: '#fff6d0' },
    extra: () =>
      hedge(hedgeNext, { x: -40, y: 880, w: 2080, h: 330 }, '#ffffff') +
      `<rect y="1190" width="2000" height="310" fill="#6f9d4d"/>` +
      hedge(hedgeNext, { x: -40, y: 1130, w: 2080, h: 420 }, '#f3b6c8'),
  });
  await withTags(await grain(sharp(hedgePicture), 6, 2), {
    taken: '2025:06:02 11:20:00',
    offset: '+02:00',
    title: 'The hedge in blossom',
    tags: ['hedge', 'blossom', 'garden'],
    exposure: { f: '56/10', t: '1/250', iso: '100', mm: '50/1' },
  })
    .jpeg({ ...jpeg, quality: 76 })
    .toFile(garden('hedge-in-blossom.jpg'));

  await withTags(
    await grain(sharp(meadow(1400, 2000, 21, ['#e8574b', '#f2c14e', '#f7f3ee', '#7d6bb5'])), 6, 3),
    {
      taken: '2025:06:14 16:05:31',
      offset: '+02:00',
      title: 'Wild meadow',
      tags: ['meadow', 'flowers', 'summer'],
      make: ['Fernglas', 'F-2'],
    },
  )
    .jpeg({ ...jpeg, quality: 78 })
    .toFile(garden('wild-meadow.jpg'));

  await withTags(await grain(sharp(closeUp(1200, 5)), 6, 4), {
    taken: '2025:08:09 10:12:44',
    title: 'Sunflower',
    tags: ['flowers', 'summer'],
  })
    .webp({ quality: 80 })
    .toFile(garden('sunflower.webp'));

  // Lying on its side, with an orientation that says so.
  const trees = landscape({
    seed: 31,
    width: 1280,
    height: 1920,
    layers: 5,
    horizon: 0.48,
    rough: 0.8,
    sky: ['#8e9fb0', '#d9d2c4', '#f2e3c6'],
    hills: ['#c7b48d', '#6b3f22'],
    sun: { x: 0.4, y: 0.3, size: 0.03, colour: '#fff2d6' },
    extra: (next) => {
      let out = '';
      for (let tree = 0; tree < 26; tree++) {
        const near = tree / 26;
        const [x, foot, tall] = [next() * 1280, 1180 + near * 640, 130 + near * 330];
        out += `<rect x="${x - tall * 0.02}" y="${foot - tall * 0.5}" width="${tall * 0.04}" height="${tall * 0.5}" fill="#3b2a20"/>`;
        for (let leaf = 0; leaf < 46; leaf++) {
          const [angle, away] = [next() * Math.PI * 2, Math.sqrt(next()) * tall * 0.27];
          out += `<circle cx="${x + Math.cos(angle) * away}" cy="${foot - tall * 0.68 + Math.sin(angle) * away * 1.15}" r="${tall * (0.03 + next() * 0.05)}" fill="${mix(mix('#d9852b', '#b33a26', next()), '#f0c24f', next() * 0.6)}"/>`;
        }
      }
      return out;
    },
  });
  const autumn = await grain(sharp(trees), 6, 5);
  const turned = sharp(await autumn.png().toBuffer()).rotate(270);
  await withTags(sharp(await turned.png().toBuffer()), {
    taken: '2025:10:19 15:48:02',
    offset: '+02:00',
    title: 'October trees',
    tags: ['autumn', 'trees'],
  })
    .withMetadata({ orientation: 6 })
    .jpeg({ ...jpeg, quality: 76 })
    .toFile(garden('october-trees.jpg'));

  const plan = random(77);
  let beds = '<rect width="900" height="900" rx="40" fill="#d9cfae"/>';
  for (const [x, y, w, h, colour] of [
    [60, 60, 360, 240, '#8fb36b'],
    [480, 60, 360, 240, '#7aa35c'],
    [60, 360, 240, 480, '#6b9455'],
    [360, 360, 480, 200, '#95b873'],
    [360, 620, 480, 220, '#84aa62'],
  ] as const) {
    beds += `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="18" fill="${colour}"/>`;
    for (let row = 0; row < 26; row++) {
      beds += bloom(
        plan,
        x + 24 + plan() * (w - 48),
        y + 24 + plan() * (h - 48),
        13,
        ['#e8574b', '#f2c14e', '#ffffff', '#a57cc7'][row % 4] ?? '#fff',
        6,
      );
    }
  }
  await sharp(svg(900, 900, beds))
    .png({ palette: true, colours: 96 })
    .toFile(garden('plan-of-the-beds.png'));

  const frames: Buffer[] = [];
  for (let frame = 0; frame < 10; frame++) {
    const t = (frame / 10) * Math.PI * 2;
    const wing = 0.45 + 0.5 * Math.abs(Math.cos(t));
    const body = `<rect width="320" height="240" fill="#cfe3c0"/><circle cx="60" cy="210" r="60" fill="#9cc083"/><circle cx="270" cy="220" r="80" fill="#86b070"/><g transform="translate(${160 + Math.sin(t) * 24} ${112 + Math.cos(t * 2) * 12}) rotate(${Math.sin(t) * 8})"><g transform="scale(${wing} 1)"><path d="M0 0C-20-80-110-70-86-14C-78 6-30 8 0 0ZM0 0C20-80 110-70 86-14C78 6 30 8 0 0Z" fill="#e58a3c"/><path d="M0 4C-16 50-70 60-58 22C-50 4-20 0 0 4ZM0 4C16 50 70 60 58 22C50 4 20 0 0 4Z" fill="#f2b25c"/></g><rect x="-4" y="-22" width="8" height="54" rx="4" fill="#3b2a20"/></g>`;
    frames.push(
      await sharp(svg(320, 240, body))
        .png()
        .toBuffer(),
    );
  }
  await sharp(frames, { join: { animated: true } })
    .gif({ delay: Array(10).fill(80), loop: 0, colours: 32 })
    .toFile(garden('butterfly.gif'));

  const evening = sea(2400, 1350, {
    seed: 4,
    sky: ['#2b3a67', '#a65e79', '#f7b267'],
    water: ['#b06a72', '#1d2f4f'],
    sun: { x: 0.4, y: 0.37, size: 0.05, colour: '#ffdf9e' },
    boat: true,
  });
  await withTags(await grain(sharp(evening), 6, 6), {
    taken: '2025:07:21 20:51:09',
    offset: '+02:00',
    title: 'Evening sail',
    tags: ['sea', 'sunset', 'boat'],
    make: ['Fernglas', 'F-2'],
    exposure: { f: '11/1', t: '1/125', iso: '200', mm: '85/1' },
  })
    .jpeg({ ...jpeg, quality: 78 })
    .toFile(coast('evening-sail.jpg'));

  const lighthouse = sea(2000, 1500, {
    seed: 14,
    sky: ['#4f8fc4', '#b7dbe8', '#f4f0df'],
    water: ['#7fb6c4', '#1f5673'],
    sun: { x: 0.18, y: 0.2, size: 0.04, colour: '#fffbe6' },
    lighthouse: true,
    sand: true,
  });
  await withTags(await grain(sharp(lighthouse), 6, 7), {
    taken: '2025:07:22 12:03:55',
    offset: '+02:00',
    title: 'The lighthouse',
    tags: ['sea', 'lighthouse', 'beach'],
    exposure: { f: '8/1', t: '1/500', iso: '100', mm: '28/1' },
  })
    .jpeg({ ...jpeg, quality: 76 })
    .toFile(coast('lighthouse.jpg'));

  const cliffs = landscape({
    seed: 43,
    width: 2600,
    height: 1000,
    layers: 5,
    horizon: 0.5,
    rough: 1.1,
    sky: ['#90b4c9', '#dfe6df', '#f5eeda'],
    hills: ['#a9bcbd', '#2c4a4f'],
    sun: { x: 0.82, y: 0.22, size: 0.045, colour: '#fffaf0' },
  });
  await withTags(await grain(sharp(cliffs), 5, 8), {
    taken: '2025:07:23 08:30:00',
    offset: '+02:00',
    title: 'Cliffs in the haze',
    tags: ['cliffs', 'mist', 'panorama'],
  })
    .avif({ quality: 58, effort: 6 })
    .toFile(coast('cliffs-in-the-haze.avif'));

  const night = landscape({
    seed: 50,
    width: 1500,
    height: 1500,
    layers: 4,
    horizon: 0.6,
    rough: 0.9,
    sky: ['#070d24', '#1c2d5a', '#4b5f8f'],
    hills: ['#26365f', '#060a17'],
    sun: { x: 0.7, y: 0.2, size: 0.04, colour: '#f3efdc' },
    extra: (next) => {
      let out = '';
      for (let star = 0; star < 320; star++) {
        out += `<circle cx="${next() * 1500}" cy="${next() * 820}" r="${0.6 + next() ** 4 * 3}" fill="#fff" opacity="${0.3 + next() * 0.7}"/>`;
      }
      return out;
    },
  });
  await withTags(await grain(sharp(night), 5, 9), {
    taken: '2025:07:24 23:59:30',
    offset: '+02:00',
    title: 'Stars over the bay',
    tags: ['night', 'stars'],
    exposure: { f: '18/10', t: '20/1', iso: '3200', mm: '20/1' },
  })
    .webp({ quality: 80 })
    .toFile(coast('stars-over-the-bay.webp'));

  const shells = random(91);
  let beach = '<rect width="640" height="480" fill="url(#sky)"/>';
  for (let shell = 0; shell < 38; shell++) {
    const [x, y, s, turn] = [40 + shells() * 560, 40 + shells() * 400, 18 + shells() * 26, shells() * 360];
    const colour = mix('#f7e6d3', '#d98f7a', shells());
    beach += `<g transform="translate(${x} ${y}) rotate(${turn}) scale(${s / 20})"><path d="M0 12C-22 8-22-14 0-16C22-14 22 8 0 12Z" fill="${colour}" stroke="#a8745f" stroke-width="1"/><path d="M0 12V-15M0 12-9-13M0 12 9-13M0 12-16-5M0 12 16-5" stroke="#a8745f" stroke-opacity=".55" stroke-width="1" fill="none"/></g>`;
  }
  await sharp(svg(640, 480, beach, gradient('sky', ['#ecdab5', '#d8be8d'])))
    .removeAlpha()
    .tiff({ compression: 'lzw', predictor: 'horizontal' })
    .toFile(coast('shells.tif'));
}

async function makeVideos(): Promise<void> {
  const frames = await mkdtemp(join(tmpdir(), 'hedgerow-samples-'));
  const ffmpeg = (...args: string[]) => run('ffmpeg', ['-v', 'error', '-y', ...args], { cwd: frames });
  const plain = [
    '-map_metadata',
    '-1',
    '-fflags',
    '+bitexact',
    '-flags:v',
    '+bitexact',
    '-pix_fmt',
    'yuv420p',
    '-threads',
    '1',
  ];
  try {
    const FPS = 24;
    for (let frame = 0; frame < 6 * FPS; frame++) {
      const picture = sea(
        960,
        540,
        {
          seed: 66,
          sky: ['#4f8fc4', '#bfdfe6', '#fbe9c6'],
          water: ['#8cc0c2', '#1f5f79'],
          sun: { x: 0.72, y: 0.2, size: 0.05, colour: '#fff6d6' },
          boat: true,
          sand: true,
        },
        frame / FPS,
      );
      await sharp(picture)
        .png({ compressionLevel: 1 })
        .toFile(join(frames, `sea-${String(frame).padStart(4, '0')}.png`));
    }
    await ffmpeg(
      '-framerate',
      String(FPS),
      '-i',
      'sea-%04d.png',
      ...plain,
      '-c:v',
      'libx264',
      '-preset',
      'slow',
      '-profile:v',
      'high',
      '-b:v',
      '1800k',
      '-maxrate',
      '2600k',
      '-bufsize',
      '2600k',
      '-g',
      '48',
      '-metadata',
      'title=Waves on the beach',
      '-metadata',
      'creation_time=2025-07-22T10:15:00Z',
      '-movflags',
      '+faststart',
      join(HERE, 'coast', 'waves-on-the-beach.mp4'),
    );
    for (let frame = 0; frame < 5 * FPS; frame++) {
      const t = frame / FPS;
      const next = random(15);
      let body =
        '<rect width="100%" height="100%" fill="url(#sky)"/><circle cx="480" cy="90" r="260" fill="url(#sun)"/>';
      body += `<path fill="#8fb36b" d="${ridge(next, 640, 480, 300, 16, 0.4)}"/>`;
      for (let flower = 0; flower < 90; flower++) {
        const near = (flower / 90) ** 1.5;
        const [x, y, size] = [next() * 640, 300 + near * 150, 4 + near * 26];
        const sway = Math.sin(t * 2.2 + x / 90) * (3 + near * 22);
        body += `<path d="M${x} ${y + size * 5}Q${x} ${y + size * 2} ${x + sway} ${y}" fill="none" stroke="#4f7f3f" stroke-width="${1 + near * 4}"/>`;
        body += bloom(next, x + sway, y, size, ['#e8574b', '#f7f3ee', '#f2c14e'][flower % 3] ?? '#fff', 7);
      }
      await sharp(svg(640, 480, body, gradient('sky', ['#7fb3d9', '#f3eccb']) + glow('sun', '#fff3c9')))
        .png({ compressionLevel: 1 })
        .toFile(join(frames, `wind-${String(frame).padStart(4, '0')}.png`));
    }
    await ffmpeg(
      '-framerate',
      String(FPS),
      '-i',
      'wind-%04d.png',
      ...plain,
      '-c:v',
      'libvpx-vp9',
      '-b:v',
      '650k',
      '-metadata',
      'title=Wind in the meadow',
      join(HERE, 'garden', 'wind-in-the-meadow.webm'),
    );
    const short = [
      '-framerate',
      String(FPS),
      '-t',
      '2',
      '-i',
      'wind-%04d.png',
      ...plain,
      '-vf',
      'scale=320:240',
      '-c:v',
      'libx264',
      '-b:v',
      '120k',
    ];
    await ffmpeg(
      ...short,
      '-metadata',
      'creation_time=2025-06-01T12:00:00Z',
      join(HERE, 'formats', 'clip.mov'),
    );
    await ffmpeg(...short, '-metadata', 'title=Clip', join(HERE, 'formats', 'clip.mkv'));
    await ffmpeg(
      '-i',
      join(HERE, 'formats', 'clip.mov'),
      '-c',
      'copy',
      '-metadata:s:v',
      'rotate=90',
      join(HERE, 'formats', 'upright.mp4'),
    );
  } finally {
    await rm(frames, { recursive: true });
  }
}

/** A booklet of four pages in the fonts that every PDF reader has. */
async function makeDocument(): Promise<void> {
  const pages = [
    [
      'A Hedgerow Almanac',
      'What to look for, season by season.',
      'A hedge stands between two gardens:',
      'whose garden is whose stays clear,',
      'and still one can talk across.',
    ],
    [
      'Spring',
      'Blackthorn flowers before its leaves.',
      'Hawthorn follows in May.',
      'Listen for the wren near the ground.',
    ],
    [
      'Summer',
      'Dog roses open in June.',
      'Honeysuckle smells strongest at dusk.',
      'Leave the trimming until the nests are empty.',
    ],
    [
      'Autumn and winter',
      'Sloes ripen after the first frost.',
      'Hips and haws feed the fieldfares.',
      'Plant bare-rooted whips while the ground is open.',
    ],
  ];
  const objects: string[] = [];
  const add = (body: string) => objects.push(body);
  add('<< /Type /Catalog /Pages 2 0 R >>');
  add(
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, i) => `${6 + i * 2} 0 R`).join(' ')}] >>`,
  );
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>');
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Times-Bold /Encoding /WinAnsiEncoding >>');
  add(
    '<< /Title (A Hedgerow Almanac) /Author (The Hedgerow authors) /Subject (What to look for, season by season) /Keywords (hedge, garden, almanac) /CreationDate (D:20250601120000Z) >>',
  );
  const tints = ['0.94 0.96 0.90', '0.93 0.97 0.91', '0.99 0.96 0.88', '0.97 0.93 0.89'];
  pages.forEach(([title = '', ...lines], index) => {
    const next = random(index + 1);
    let drawing = `${tints[index]} rg 0 0 420 595 re f\n`;
    for (let leaf = 0; leaf < 260; leaf++) {
      const [x, y, size] = [next() * 420, next() ** 1.6 * 130, 6 + next() * 12];
      drawing += `${(0.2 + next() * 0.35).toFixed(2)} ${(0.4 + next() * 0.3).toFixed(2)} ${(0.2 + next() * 0.15).toFixed(2)} rg ${x.toFixed(0)} ${y.toFixed(0)} m ${(x + size).toFixed(0)} ${(y + size).toFixed(0)} ${(x + size).toFixed(0)} ${(y + size * 1.8).toFixed(0)} ${x.toFixed(0)} ${(y + size * 2).toFixed(0)} c ${(x - size).toFixed(0)} ${(y + size * 1.8).toFixed(0)} ${(x - size).toFixed(0)} ${(y + size).toFixed(0)} ${x.toFixed(0)} ${y.toFixed(0)} c f\n`;
    }
    drawing += `BT 0.13 0.24 0.18 rg /F2 30 Tf 48 470 Td (${title}) Tj ET\nBT /F1 15 Tf 24 TL 48 420 Td ${lines.map((line) => `(${line}) Tj T*`).join(' ')} ET\n`;
    add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents ${7 + index * 2} 0 R >>`,
    );
    add(`<< /Length ${drawing.length} >>\nstream\n${drawing}endstream`);
  });
  let out = '%PDF-1.4\n';
  const offsets = objects.map((body, index) => {
    const offset = out.length;
    out += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const xref = out.length;
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')}`;
  out += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${xref}\n%%EOF\n`;
  await writeFile(join(HERE, 'garden', 'a-hedgerow-almanac.pdf'), out, 'latin1');
}

for (const folder of ['garden', 'coast', 'formats']) await mkdir(join(HERE, folder), { recursive: true });
await makePictures();
await makeDocument();
await makeVideos();
