/** What stands in the page's place where a fault of ours, or a part that cannot be loaded, has ended it. */

import { Component, type ReactNode } from 'react';
import { Icon } from './icons.tsx';
import { shared } from './texts.ts';

export class Mishap extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="nothing" role="alert">
        <Icon name="warning" size={40} />
        <h1>{shared.mishap}</h1>
        <p>{shared.mishapHint}</p>
        <button type="button" className="solid" onClick={() => location.reload()}>
          {shared.reload}
        </button>
      </main>
    );
  }
}
