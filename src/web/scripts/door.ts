/** What the pages before the door share: a form that is sent as JSON, and its errors as sentences. */

import { nextPath } from './next-path.ts';

export interface Refusal {
  /** For people. */
  sentence: string;
  /** Of the problem document, in kebab-case; empty where there was none. */
  code: string;
}

export interface SubmitOptions {
  /** What goes beside the fields of the form. */
  extra?: Record<string, string>;
  /** @returns whether the page has dealt with it; else the sentence is shown */
  onRefusal?: (refusal: Refusal) => boolean;
}

/** Sends the form to `path` when it is submitted. */
export function submitTo(path: string, { extra = {}, onRefusal = () => false }: SubmitOptions = {}): void {
  const form = element('form', HTMLFormElement);
  const button = form.querySelector<HTMLButtonElement>('button[type=submit]');
  for (const reveal of form.querySelectorAll<HTMLButtonElement>('.reveal')) revealing(reveal);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button !== null) button.disabled = true;
    showError('');
    const refusal = await refusalOf('POST', path, { ...Object.fromEntries(texts(form)), ...extra });
    if (refusal === undefined) {
      // Replaced, so that going back does not lead to a form that has done its work, or to a used link.
      location.replace(nextPath(new URLSearchParams(location.search).get('next'), location.href));
      return;
    }
    if (button !== null) button.disabled = false;
    if (onRefusal(refusal)) return;
    showError(refusal.sentence);
    form.querySelector<HTMLInputElement>('input[type=password]')?.select();
  });
}

/** The token behind `#`; where there is none, the page says where the link is from, in place of the form. */
export function tokenOfLink(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  element(token ? 'form' : 'without-token', HTMLElement).hidden = false;
  return token ?? undefined;
}

/** Undefined where it went well; else a sentence that says why not. */
export async function send(method: string, path: string, body?: object): Promise<string | undefined> {
  return (await refusalOf(method, path, body))?.sentence;
}

async function refusalOf(method: string, path: string, body?: object): Promise<Refusal | undefined> {
  try {
    const response = await fetch(path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    if (response.ok) return undefined;
    const problem: { code?: string; detail?: string; title?: string; retryAfter?: number } = await response
      .json()
      .catch(() => ({}));
    const sentence = problem.detail ?? problem.title ?? `The server answered ${response.status}.`;
    const wait = problem.retryAfter ?? Number(response.headers.get('retry-after'));
    const code = problem.code ?? '';
    return response.status === 429 && wait > 0
      ? { sentence: `${sentence} In ${duration(wait)} it works again.`, code }
      : { sentence, code };
  } catch {
    return { sentence: 'The server cannot be reached. Is it running, and are you online?', code: '' };
  }
}

export function showError(sentence: string): void {
  const error = element('error', HTMLElement);
  error.textContent = sentence;
  error.hidden = sentence === '';
}

export function element<Type extends HTMLElement>(id: string, type: { new (): Type }): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${id}.`);
  return found;
}

function revealing(button: HTMLButtonElement): void {
  const input = element(button.getAttribute('aria-controls') ?? '', HTMLInputElement);
  button.addEventListener('click', () => {
    const shown = input.type === 'password';
    input.type = shown ? 'text' : 'password';
    button.setAttribute('aria-pressed', String(shown));
    button.textContent = shown ? 'Hide' : 'Show';
  });
}

function texts(form: HTMLFormElement): [string, string][] {
  return [...new FormData(form)].map(([name, value]) => [name, String(value)]);
}

function duration(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? '1 second' : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
