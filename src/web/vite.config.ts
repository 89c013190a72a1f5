import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import sharp from 'sharp';
import { defineConfig, type Plugin, type Rolldown } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  root,
  // Relative, so that the same build works under any path prefix.
  base: './',
  // Nothing is copied as it is: every asset goes through the build and gets a hash in its name.
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The editor of GraphiQL is one large library, which only its page loads.
    chunkSizeWarningLimit: 8_000,
    rolldownOptions: {
      // "use client" is for frameworks that render on a server; nothing here does.
      onLog: (level, log, report) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
      input: [
        ...['index', 'admin', 'sign-in', 'setup', 'password', 'account', 'offline', 'graphiql'].map((page) =>
          join(root, `${page}.html`),
        ),
        join(root, 'worker', 'worker.ts'),
      ],
      output: {
        // A worker rules what lies beside it and below, and is looked for where it was.
        entryFileNames: ({ name }) => (name === 'worker' ? '[name].js' : 'assets/[name]-[hash].js'),
        // What pages share is in few files: a browser has six connections, and the style waits behind the scripts for one.
        codeSplitting: {
          groups: [
            {
              name: 'common',
              test: /web\/(scripts|generated|images)\/|preload-(helper|error)|rolldown[-/]runtime/,
              minShareCount: 2,
              priority: 2,
            },
            {
              name: 'parts',
              test: /node_modules\/(react|react-dom|scheduler)\/|web\/parts\//,
              minShareCount: 2,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  plugins: [installable(), firstThings(), precompressed()],
});

/** Of `tokens.css`, in light. */
const PAPER = '#faf5ea';
/** Px of the icons that browsers ask for; on one that may be cut to any shape the mark keeps away from the edge. */
const ICONS = [
  { name: 'icon-192', size: 192, purpose: 'any' },
  { name: 'icon-512', size: 512, purpose: 'any' },
  { name: 'icon-shaped-512', size: 512, purpose: 'maskable' },
  { name: 'icon-touch-180', size: 180, purpose: 'touch' },
] as const;

/**
 * What makes the gallery an app that can be installed: icons drawn from the mark, the manifest, to which the server adds
 * the instance's name, and the list of what the service worker keeps.
 */
function installable(): Plugin {
  const icons = new Map<string, { file: string; size: number; purpose: string; bytes: Buffer }>();
  return {
    name: 'installable',
    apply: 'build',
    buildStart: async () => {
      const mark = await readFile(join(root, 'images', 'mark.svg'));
      for (const { name, size, purpose } of ICONS) {
        const bytes = await drawIcon(mark, size, purpose !== 'any');
        icons.set(name, { file: `assets/${name}-${hashOf([bytes])}.png`, size, purpose, bytes });
      }
    },
    transformIndexHtml: {
      order: 'post',
      handler: (html, { filename }) => {
        if (filename !== join(root, 'index.html')) return html;
        const link = (rel: string, href: string) => ({
          tag: 'link',
          attrs: { rel, href },
          injectTo: 'head' as const,
        });
        return [
          link('manifest', './manifest.webmanifest'),
          link('apple-touch-icon', `./${icons.get('icon-touch-180')?.file}`),
        ];
      },
    },
    generateBundle: {
      // When the pages are there, which Vite makes at this step too.
      order: 'post',
      handler(_options, bundle) {
        for (const { file, bytes } of icons.values()) {
          this.emitFile({ type: 'asset', fileName: file, source: bytes });
        }
        const manifest = {
          id: './',
          start_url: './',
          scope: './',
          display: 'standalone',
          background_color: PAPER,
          theme_color: PAPER,
          icons: [...icons.values()]
            .filter(({ purpose }) => purpose !== 'touch')
            .map(({ file, size, purpose }) => ({
              src: `./${file}`,
              sizes: `${size}x${size}`,
              type: 'image/png',
              purpose,
            })),
        };
        this.emitFile({ type: 'asset', fileName: 'manifest.json', source: JSON.stringify(manifest) });

        const worker = bundle['worker.js'];
        if (worker?.type !== 'chunk') throw new Error('The service worker was not built.');
        const files = shellOf(bundle, [join(root, 'index.html'), join(root, 'offline.html')]);
        const offline = bundle['offline.html'];
        const version = hashOf([
          worker.code,
          files.join(' '),
          offline?.type === 'asset' ? offline.source : '',
        ]);
        worker.code = `const SHELL=${JSON.stringify({ version, files })};\n${worker.code}`;
      },
    },
  };
}

/**
 * The order in which a page is loaded. Nothing is painted before the style is there, so it is asked for first and the
 * scripts leave it the line; and what the first script of a page loads at once is asked for beside it, and not after it.
 */
function firstThings(): Plugin {
  return {
    name: 'first-things',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (html, { bundle = {}, chunk }) => {
        const styles: string[] = [];
        const rest = html.replace(/\s*<link rel="stylesheet"[^>]*>/g, (link) => {
          styles.push(link);
          return '';
        });
        const asked = new Set(chunk?.imports);
        const later = new Set(chunk?.facadeModuleId === join(root, 'index.html') ? chunk.dynamicImports : []);
        for (const name of later) {
          const next = bundle[name];
          if (next?.type === 'chunk') for (const one of next.imports) later.add(one);
        }
        const preloads = [...later]
          .filter((name) => !asked.has(name) && name !== chunk?.fileName)
          .map((name) => `\n    <link rel="modulepreload" crossorigin href="./${name}">`);
        return rest
          .replace(/\s*<script type="module"/, (script) => styles.join('') + script)
          .replace(/\s*<\/head>/, (end) => preloads.join('') + end)
          .replace(/<(script type="module"|link rel="modulepreload")/g, '$& fetchpriority="low"');
      },
    },
  };
}

/** What only some documents need is large, and left to the browser's ordinary cache. */
const SELDOM = /\/gallery\/pages\.tsx$/;

/** Scripts, styles and pictures of pages, what they load later included. */
function shellOf(bundle: Rolldown.OutputBundle, pages: readonly string[]): string[] {
  const files = new Set<string>();
  const add = (name: string): void => {
    const chunk = bundle[name];
    if (files.has(name) || chunk?.type !== 'chunk' || SELDOM.test(chunk.facadeModuleId ?? '')) return;
    files.add(name);
    for (const style of chunk.viteMetadata?.importedCss ?? []) files.add(style);
    for (const asset of chunk.viteMetadata?.importedAssets ?? []) files.add(asset);
    for (const next of [...chunk.imports, ...chunk.dynamicImports]) add(next);
  };
  for (const [name, chunk] of Object.entries(bundle)) {
    if (chunk.type === 'chunk' && pages.includes(chunk.facadeModuleId ?? '')) add(name);
  }
  return [...files].sort();
}

function drawIcon(mark: Buffer, size: number, whole: boolean): Promise<Buffer> {
  const inner = whole ? Math.round(size * 0.7) : size;
  const edge = Math.floor((size - inner) / 2);
  return sharp(mark, { density: 72 * (inner / 64) })
    .resize(inner, inner)
    .extend({
      top: edge,
      left: edge,
      bottom: size - inner - edge,
      right: size - inner - edge,
      background: PAPER,
    })
    .flatten(whole ? { background: PAPER } : false)
    .png({ palette: true })
    .toBuffer();
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('base64url').slice(0, 8);
}

/** Puts .br and .gz beside each text asset, so that the server compresses nothing while it answers. */
function precompressed(): Plugin {
  let folder = '';
  return {
    name: 'precompressed',
    apply: 'build',
    configResolved: (config) => {
      folder = join(resolve(config.root, config.build.outDir), config.build.assetsDir);
    },
    closeBundle: async () => {
      for (const name of await readdir(folder)) {
        if (!/\.(m?js|css|svg|ttf)$/.test(name)) continue;
        const bytes = await readFile(join(folder, name));
        if (bytes.length < 1024) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
        await writeFile(join(folder, `${name}.br`), await promisify(brotliCompress)(bytes, { params }));
        await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
      }
    },
  };
}
