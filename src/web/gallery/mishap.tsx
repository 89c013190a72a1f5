/** What stands in the page's place where a fault of ours, or a part that cannot be loaded, has ended it. */

import { Component, type ReactNode } from 'react';
import { Icon } from './icons.tsx';
import { texts } from './texts.ts';

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
        <h1>{texts.mishap}</h1>
        <p>{texts.mishapHint}</p>
        <button type="button" className="solid" onClick={() => location.reload()}>
          {texts.reload}
        </button>
      </main>
    );
  }
}
