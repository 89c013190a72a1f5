/**
 * The pages of a PDF, below each other, drawn by pdf.js: browsers of phones have no viewer of their own. Of however many
 * pages those near the window are drawn, and of the file those parts are fetched that they need.
 */

import { getDocument, type PDFDocumentProxy, PDFWorker } from 'pdfjs-dist';
import workerAddress from 'pdfjs-dist/build/pdf.worker.min.mjs?url';
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { PdfData } from './pdf-data.ts';
import { scriptUrl } from './script-url.ts';
import { texts } from './texts.ts';
import type { ZoomHandle } from './zoomed.tsx';

export interface PagesProps {
  ref: Ref<ZoomHandle>;
  src: string;
  title: string;
  /** It is no PDF that can be drawn, or wants a password. */
  onBroken: () => void;
}

/** Px between two pages, and around them. */
const GAP = 12;
/** Px that a page is wide at most where nobody looks closer. */
const WIDEST = 1_000;
const CLOSEST = 4;
/** Px of one picture of a page, whatever size a page says that it has. */
const PIXELS_MAX = 12_000_000;
/** Bytes that are fetched at once, and px of a picture within a page. */
const CHUNK = 256 * 1024;
const IMAGE_MAX = 64_000_000;
/** Characters of a page that are told to screen readers. */
const TEXT_MAX = 20_000;

interface Opened {
  file: PDFDocumentProxy;
  /** Height by width of the first page; the others are fitted into frames of this shape. */
  shape: number;
}

export function Pages({ ref, src, title, onBroken }: PagesProps) {
  const scroller = useRef<HTMLElement>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const [scale, setScale] = useState(1);
  const [box, setBox] = useState({ top: 0, width: 0, height: 0 });
  useImperativeHandle(
    ref,
    () => ({
      by: (factor) => setScale((before) => Math.min(CLOSEST, Math.max(1, before * factor))),
      reset: () => setScale(1),
    }),
    [],
  );

  useEffect(() => {
    const port = new Worker(scriptUrl(workerAddress) as string, { type: 'module' });
    const worker = PDFWorker.create({ port });
    const task = getDocument({
      url: new URL(src, location.href).href,
      worker,
      rangeChunkSize: CHUNK,
      disableAutoFetch: true,
      disableStream: true,
      maxImageSize: IMAGE_MAX,
      enableXfa: false,
      useWorkerFetch: false,
      BinaryDataFactory: PdfData,
      // The same on every machine, and as wide as the file expects.
      useSystemFonts: false,
    });
    let gone = false;
    task.promise
      .then(async (file) => {
        const { width, height } = (await file.getPage(1)).getViewport({ scale: 1 });
        const shape = Math.min(4, Math.max(0.25, height / width));
        if (!gone) setOpened({ file, shape: Number.isFinite(shape) ? shape : Math.SQRT2 });
      })
      .catch(() => {
        if (!gone) onBroken();
      });
    return () => {
      gone = true;
      void task.destroy().then(() => port.terminate());
    };
  }, [src, onBroken]);

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = (): void =>
      setBox({ top: element.scrollTop, width: element.clientWidth, height: element.clientHeight });
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);

  const width = Math.max(1, Math.round(Math.min(box.width - 2 * GAP, WIDEST) * scale));
  const height = Math.round(width * (opened?.shape ?? Math.SQRT2));
  const count = opened?.file.numPages ?? 0;
  const at = (y: number): number => Math.min(count - 1, Math.max(0, Math.floor(y / (height + GAP))));
  const drawn: number[] = [];
  if (opened !== null && box.width > 0) {
    for (let page = at(box.top - height); page <= at(box.top + box.height + height / 2); page++) {
      drawn.push(page);
    }
  }
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys */}
      <section className="pages" ref={scroller} aria-label={title} tabIndex={0} aria-busy={opened === null}>
        <div className="paper" style={{ height: GAP + count * (height + GAP), minWidth: width + 2 * GAP }}>
          {drawn.map((page) => (
            <PaperPage
              key={page}
              file={opened?.file as PDFDocumentProxy}
              number={page + 1}
              count={count}
              y={GAP + page * (height + GAP)}
              width={width}
              height={height}
            />
          ))}
        </div>
      </section>
      <p className="page-number" role="status">
        {opened === null ? texts.loading : texts.pageOf(at(box.top + box.height / 2) + 1, count)}
      </p>
    </>
  );
}

interface PaperPageProps {
  file: PDFDocumentProxy;
  /** From 1. */
  number: number;
  count: number;
  y: number;
  width: number;
  height: number;
}

function PaperPage({ file, number, count, y, width, height }: PaperPageProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    let gone = false;
    let cancel = () => {};
    const draw = async (): Promise<void> => {
      const page = await file.getPage(number);
      if (gone) return;
      const whole = page.getViewport({ scale: 1 });
      const fit = Math.min(width / whole.width, height / whole.height);
      const dense = Math.min(
        Math.max(1, window.devicePixelRatio),
        Math.sqrt(PIXELS_MAX / (whole.width * whole.height * fit * fit)),
      );
      const viewport = page.getViewport({ scale: fit * dense });
      element.width = Math.max(1, Math.floor(viewport.width));
      element.height = Math.max(1, Math.floor(viewport.height));
      element.style.width = `${viewport.width / dense}px`;
      const task = page.render({ canvas: element, viewport });
      cancel = () => task.cancel();
      await task.promise;
      const { items } = await page.getTextContent();
      const words = items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('');
      if (!gone) {
        element.classList.add('there');
        setText(words.slice(0, TEXT_MAX));
      }
    };
    // A page that cannot be drawn stays blank among the others.
    draw().catch(() => undefined);
    return () => {
      gone = true;
      cancel();
    };
  }, [file, number, width, height]);
  return (
    <div className="page" style={{ transform: `translateY(${y}px)`, width, height }}>
      <canvas ref={canvas} role="img" aria-label={texts.pageOf(number, count)} />
      <p className="unseen">{text}</p>
    </div>
  );
}
