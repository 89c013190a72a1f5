/** PDF documents through PDFium (WebAssembly): pages, title, and the first page as pixels. */

import { readFile, stat } from 'node:fs/promises';
import { PDFiumModule } from '@hyzyla/pdfium';
import { HedgerowError } from '../lib/errors.ts';
import { fileError } from './file-window.ts';

/** The functions that this uses; the package's own types leave out GetMetaText. Pointers are numbers. */
interface Pdfium {
  _FPDF_InitLibraryWithConfig(config: Record<string, unknown>): void;
  _FPDF_LoadMemDocument(bytes: number, size: number, password: number): number;
  _FPDF_GetLastError(): number;
  _FPDF_CloseDocument(document: number): void;
  _FPDF_GetPageCount(document: number): number;
  _FPDF_GetMetaText(document: number, tag: number, buffer: number, size: number): number;
  _FPDF_LoadPage(document: number, index: number): number;
  _FPDF_ClosePage(page: number): void;
  _FPDF_GetPageWidth(page: number): number;
  _FPDF_GetPageHeight(page: number): number;
  _FPDFBitmap_CreateEx(width: number, height: number, format: number, pixels: number, stride: number): number;
  _FPDFBitmap_FillRect(bitmap: number, x: number, y: number, w: number, h: number, colour: number): void;
  _FPDFBitmap_Destroy(bitmap: number): void;
  _FPDF_RenderPageBitmap(
    bitmap: number,
    page: number,
    x: number,
    y: number,
    width: number,
    height: number,
    rotate: number,
    flags: number,
  ): void;
  wasmExports: { malloc(size: number): number; free(pointer: number): void };
  HEAPU8: Uint8Array;
}

// public/fpdfview.h
const ERROR_PASSWORD = 4;
const ERROR_SECURITY = 5;
const FORMAT_BGRX = 3;
const RENDER_ANNOTATIONS = 0x01;
const RENDER_REVERSE_BYTE_ORDER = 0x10;
const WHITE = 0xffff_ffff;

/** The whole document has to lie in PDFium's memory, which ends at 2 GiB. */
export const MAX_PDF_BYTES = 512 * 1024 * 1024;

export interface PdfDocument extends Disposable {
  /** From the page tree; no page is opened for it. */
  readonly pageCount: number;
  /** An entry of the information dictionary (ISO 32000-1, 14.3.3), as it stands. */
  text(tag: 'Title' | 'Author' | 'Subject' | 'Keywords' | 'Creator' | 'Producer'): string;
  /** Size of the first page in points (1/72 inch), turned as it is shown. */
  firstPageSize(): { width: number; height: number };
  /** The first page on white, its longest edge `edge` pixels: RGB and one byte to ignore per pixel. */
  renderFirstPage(edge: number): { data: Uint8Array; width: number; height: number };
}

let loading: Promise<Pdfium> | undefined;

/**
 * Opens a document; `using` closes it.
 * @throws HedgerowError UNSUPPORTED_MEDIA where it is encrypted, broken or too long; NOT_FOUND, UNAVAILABLE
 */
export async function openPdf(path: string): Promise<PdfDocument> {
  let bytes: Buffer;
  try {
    if ((await stat(path)).size > MAX_PDF_BYTES) {
      throw new HedgerowError('UNSUPPORTED_MEDIA', 'The document is larger than 512 MiB.');
    }
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(error);
  }
  loading ??= load();
  const pdfium = await loading;
  const source = pdfium.wasmExports.malloc(bytes.length);
  if (source === 0) throw new HedgerowError('UNSUPPORTED_MEDIA', 'The document needs too much memory.');
  pdfium.HEAPU8.set(bytes, source);
  const document = pdfium._FPDF_LoadMemDocument(source, bytes.length, 0);
  if (document === 0) {
    const error = pdfium._FPDF_GetLastError();
    pdfium.wasmExports.free(source);
    throw new HedgerowError(
      'UNSUPPORTED_MEDIA',
      error === ERROR_PASSWORD || error === ERROR_SECURITY
        ? 'The document is protected by a password.'
        : 'The document is broken: it cannot be read as a PDF.',
    );
  }
  return {
    pageCount: pdfium._FPDF_GetPageCount(document),
    text: (tag) => metaText(pdfium, document, tag),
    firstPageSize: () => withFirstPage(pdfium, document, (_page, size) => size),
    renderFirstPage: (edge) =>
      withFirstPage(pdfium, document, (page, size) => render(pdfium, page, size, edge)),
    [Symbol.dispose]() {
      pdfium._FPDF_CloseDocument(document);
      pdfium.wasmExports.free(source);
    },
  };
}

async function load(): Promise<Pdfium> {
  const pdfium = (await PDFiumModule({} as never)) as unknown as Pdfium;
  pdfium._FPDF_InitLibraryWithConfig({ version: 2 });
  return pdfium;
}

function metaText(pdfium: Pdfium, document: number, tag: string): string {
  const MAX = 65_536;
  const name = Buffer.from(`${tag}\0`, 'latin1');
  const pointer = pdfium.wasmExports.malloc(name.length + MAX);
  if (pointer === 0) return '';
  try {
    pdfium.HEAPU8.set(name, pointer);
    // UTF-16LE with a final zero; a longer text than the buffer is not written at all, and is no title.
    const size = pdfium._FPDF_GetMetaText(document, pointer, pointer + name.length, MAX);
    if (size < 2 || size > MAX) return '';
    const from = pointer + name.length;
    return Buffer.from(pdfium.HEAPU8.slice(from, from + size - 2)).toString('utf16le');
  } finally {
    pdfium.wasmExports.free(pointer);
  }
}

function withFirstPage<Result>(
  pdfium: Pdfium,
  document: number,
  use: (page: number, size: { width: number; height: number }) => Result,
): Result {
  const page = pdfium._FPDF_LoadPage(document, 0);
  if (page === 0) {
    throw new HedgerowError('UNSUPPORTED_MEDIA', 'The document is broken: its first page cannot be read.');
  }
  try {
    const width = pdfium._FPDF_GetPageWidth(page);
    const height = pdfium._FPDF_GetPageHeight(page);
    if (!(width > 0 && height > 0 && width < 1e7 && height < 1e7)) {
      throw new HedgerowError('UNSUPPORTED_MEDIA', 'The first page of the document has no usable size.');
    }
    return use(page, { width, height });
  } finally {
    pdfium._FPDF_ClosePage(page);
  }
}

function render(pdfium: Pdfium, page: number, size: { width: number; height: number }, edge: number) {
  const scale = edge / Math.max(size.width, size.height);
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  const length = width * height * 4;
  const pixels = pdfium.wasmExports.malloc(length);
  if (pixels === 0) throw new HedgerowError('UNSUPPORTED_MEDIA', 'The document needs too much memory.');
  const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, FORMAT_BGRX, pixels, width * 4);
  try {
    pdfium._FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE);
    const flags = RENDER_ANNOTATIONS | RENDER_REVERSE_BYTE_ORDER;
    pdfium._FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags);
    // A copy: PDFium's memory may move as it grows.
    return { data: pdfium.HEAPU8.slice(pixels, pixels + length), width, height };
  } finally {
    pdfium._FPDFBitmap_Destroy(bitmap);
    pdfium.wasmExports.free(pixels);
  }
}
