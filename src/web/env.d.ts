// Its types are a package of their own, and this is all that is used.
declare module 'react-dom/client' {
  import type { ReactNode } from 'react';
  export function createRoot(container: Element): { render(node: ReactNode): void };
}
declare module 'graphiql/setup-workers/vite';
