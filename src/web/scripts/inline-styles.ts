/**
 * Lets the editor of GraphiQL work under a policy that allows no inline styles: it writes them into elements of its own
 * (`<style>`) and into attributes. The elements get the nonce of this answer; an attribute's styles are set as
 * properties, which the policy allows, since a script of ours does it and no markup that somebody slipped in.
 */

const MARK = 'data-inline-style';
/** The place of `style=` within a tag. */
const STYLE = /(<[a-z][^<>]*?\s)style(\s*=)/gi;

const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.nonce ?? '';

const createElement = Document.prototype.createElement;
Document.prototype.createElement = function (this: Document, name: string, options?: ElementCreationOptions) {
  const element: HTMLElement = createElement.call(this, name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
} as typeof createElement;

const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name: string, value: string): void {
  if (name.toLowerCase() === 'style' && 'style' in this) (this as HTMLElement).style.cssText = String(value);
  else setAttribute.call(this, name, value);
};

const insertAdjacentHTML = Element.prototype.insertAdjacentHTML;
Element.prototype.insertAdjacentHTML = function (where: InsertPosition, html: string): void {
  insertAdjacentHTML.call(this, where, marked(html));
  apply(where === 'beforebegin' || where === 'afterend' ? (this.parentElement ?? this) : this);
};

const innerHTML = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML');
if (innerHTML?.set !== undefined && innerHTML.get !== undefined) {
  const { get, set } = innerHTML;
  Object.defineProperty(Element.prototype, 'innerHTML', {
    configurable: true,
    enumerable: true,
    get,
    set(this: Element, html: string | null) {
      set.call(this, html === null ? html : marked(html));
      apply(this instanceof HTMLTemplateElement ? this.content : this);
    },
  });
}

function marked(html: string): string {
  return String(html).replace(STYLE, `$1${MARK}$2`);
}

function apply(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>(`[${MARK}]`)) {
    element.style.cssText = element.getAttribute(MARK) ?? '';
    element.removeAttribute(MARK);
  }
}
