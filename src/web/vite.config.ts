import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

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
      input: ['index', 'sign-in', 'setup', 'password', 'graphiql'].map((page) => join(root, `${page}.html`)),
    },
  },
  worker: { format: 'es' },
  plugins: [precompressed()],
});

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
        if (!/\.(js|css|svg|ttf)$/.test(name)) continue;
        const bytes = await readFile(join(folder, name));
        if (bytes.length < 1024) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
        await writeFile(join(folder, `${name}.br`), await promisify(brotliCompress)(bytes, { params }));
        await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
      }
    },
  };
}
