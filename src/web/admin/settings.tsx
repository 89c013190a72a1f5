/** What this server is, its key, and where programs find what they need. */

import { useState } from 'react';
import { AdminRotateKeyDocument, AdminSettingsDocument } from '../generated/graphql.ts';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAsked } from './asked.ts';
import { Confirm, Copy, Facts, Refusal } from './parts.tsx';
import type { SectionProps } from './sections.ts';
import { texts } from './texts.ts';

const words = texts.settings;

export function Settings({ tell }: SectionProps) {
  const { data, trouble, refresh } = useAsked(AdminSettingsDocument, {});
  const [rotating, setRotating] = useState(false);
  const [sure, setSure] = useState(false);
  const instance = data?.instance;
  return (
    <>
      <h1>{words.name}</h1>
      <p className="lead">{words.lead}</p>
      <Refusal error={trouble} retry={refresh} />
      {instance === undefined ? (
        trouble === null ? (
          <p role="status">{texts.loading}</p>
        ) : null
      ) : (
        <>
          <section className="card" aria-labelledby="instance">
            <h2 id="instance">{words.instance}</h2>
            <Facts
              facts={[
                [
                  words.called,
                  <span key="name">
                    {instance.name} <code className="quiet">{words.calledHint}</code>
                  </span>,
                ],
                [
                  words.publicUrl,
                  <span key="url">
                    {instance.publicUrl} <code className="quiet">{words.publicUrlHint}</code>
                  </span>,
                ],
                [words.version, instance.version],
                [words.federation, instance.federation ? words.on : words.off],
                [words.media, texts.items(instance.mediaCount)],
                [words.id, <code key="id">{instance.id}</code>],
              ]}
            />
          </section>
          <section className="card" aria-labelledby="key">
            <h2 id="key">{words.key}</h2>
            <p className="quiet">{words.thumbprintHint}</p>
            <div className="after">
              <Copy label={words.thumbprint} text={instance.thumbprint} />
            </div>
            <p className="after">
              <button
                type="button"
                className="chip danger"
                onClick={() => {
                  setSure(false);
                  setRotating(true);
                }}
              >
                {words.rotate}
              </button>
            </p>
          </section>
          <section className="card" aria-labelledby="documents">
            <h2 id="documents">{words.documents}</h2>
            <ul className="links">
              <li>
                <a href="./graphql">{words.graphiqlLink}</a>
              </li>
              <li>
                <a href="./schema.graphql">{words.graphql}</a>
              </li>
              <li>
                <a href="./openapi.json">{words.openapi}</a>
              </li>
            </ul>
          </section>
          {rotating ? (
            <Confirm
              title={words.rotateTitle}
              happens={words.rotateHappens(data?.peers.totalCount ?? 0)}
              doIt={words.rotate}
              danger
              onClose={() => setRotating(false)}
              onConfirm={async () => {
                if (!sure) throw new Error(words.rotateUnsure);
                const { rotateInstanceKey } = await ask(AdminRotateKeyDocument, { input: { confirm: true } });
                assertDone(rotateInstanceKey);
                tell(words.rotated);
                refresh();
              }}
            >
              <label className="check">
                <input type="checkbox" checked={sure} onChange={({ target }) => setSure(target.checked)} />
                <span>{words.rotateSure}</span>
              </label>
            </Confirm>
          ) : null}
        </>
      )}
    </>
  );
}
