/** What a page that is left asks of its service worker: to send one operation to the server. */
export interface LastWord {
  kind: 'last word';
  /** As a page sends it, in JSON. */
  body: string;
}
