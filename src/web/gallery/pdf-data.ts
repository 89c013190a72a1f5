/**
 * What pdf.js needs for fonts that are not in a file: the fourteen that every reader has, and tables of Chinese, Japanese and
 * Korean characters. Each is an asset of its own, fetched when a page asks for it.
 */

const FONTS = import.meta.glob<string>('../../../node_modules/pdfjs-dist/standard_fonts/*.{pfb,ttf}', {
  query: '?url',
  import: 'default',
  eager: true,
});
const TABLES = import.meta.glob<string>('../../../node_modules/pdfjs-dist/cmaps/*.bcmap', {
  query: '?url',
  import: 'default',
  eager: true,
});

const ADDRESSES = new Map(
  Object.entries({ ...FONTS, ...TABLES }).map(([path, url]) => [path.replace(/^.*\//, ''), url]),
);

/** As `getDocument` takes it (`BinaryDataFactory`). */
export class PdfData {
  /** @throws Error where there is no such file, or it cannot be had: pdf.js then does without */
  async fetch({ filename }: { filename: string }): Promise<Uint8Array> {
    const address = ADDRESSES.get(filename);
    if (address === undefined) throw new Error(`There is no ${filename} here.`);
    const response = await fetch(address);
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return new Uint8Array(await response.arrayBuffer());
  }
}
