/** A look at the whole way to a peer, each step as it ends. */

import { useCallback, useEffect, useState } from 'react';
import {
  AdminDiagnosePeerDocument,
  AdminDiagnosisDocument,
  type DiagnosisStep,
} from '../generated/graphql.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon, type IconName } from '../parts/icons.tsx';
import { ask } from '../scripts/ask.ts';
import { assertDone, useAction, useAsked } from './asked.ts';
import { Refusal } from './parts.tsx';
import { texts } from './texts.ts';

const STEPS: readonly DiagnosisStep[] = [
  'RESOLVE',
  'CONNECT',
  'TLS',
  'DISCOVERY',
  'IDENTITY',
  'CLOCK',
  'SIGNATURE',
  'FEED',
  'THUMBNAIL',
];

type State = keyof typeof texts.diagnosis.states;
const ICONS: Record<State, IconName> = {
  done: 'check',
  failed: 'close',
  running: 'refresh',
  waiting: 'more',
  skipped: 'next',
};

export interface DiagnosisProps {
  id: string;
  name: string;
  pulse: number;
  onClose: () => void;
}

export function Diagnosis({ id, name, pulse, onClose }: DiagnosisProps) {
  const [diagnosis, setDiagnosis] = useState<string | null>(null);
  const { run, error, busy } = useAction();
  const begin = useCallback(
    () =>
      run(async () => {
        const { diagnosePeer } = await ask(AdminDiagnosePeerDocument, { input: { id } });
        assertDone(diagnosePeer);
        setDiagnosis(diagnosePeer.diagnosis?.id ?? null);
      }),
    [run, id],
  );
  useEffect(() => {
    void begin();
  }, [begin]);
  return (
    <Dialog className="diagnosis" title={texts.diagnosis.title(name)} onClose={onClose}>
      <Refusal error={error} />
      {diagnosis === null ? null : <Steps key={diagnosis} id={diagnosis} pulse={pulse} />}
      <div className="buttons">
        <button type="button" className="chip" aria-disabled={busy} onClick={() => void begin()}>
          <Icon name="refresh" size={17} />
          {texts.diagnosis.again}
        </button>
      </div>
    </Dialog>
  );
}

function Steps({ id, pulse }: { id: string; pulse: number }) {
  const { data, trouble, refresh } = useAsked(AdminDiagnosisDocument, { id }, pulse);
  if (trouble !== null) return <Refusal error={trouble} retry={refresh} />;
  const node = data?.node != null && 'results' in data.node ? data.node : null;
  const results = node?.results ?? [];
  const over = node !== null && (node.state === 'SUCCEEDED' || node.state === 'FAILED');
  const failed = results.find(({ ok }) => ok === false);
  return (
    <>
      <p className={`verdict ${failed !== undefined ? 'ill' : over ? 'well' : ''}`} role="status">
        {failed !== undefined
          ? texts.diagnosis.failed(failed.step)
          : over
            ? texts.diagnosis.well
            : texts.diagnosis.running}
      </p>
      <ol className="steps">
        {STEPS.map((step, at) => {
          const result = results.find((one) => one.step === step);
          const state: State =
            result === undefined
              ? over
                ? 'skipped'
                : at === results.length
                  ? 'running'
                  : 'waiting'
              : result.ok === null
                ? 'skipped'
                : result.ok
                  ? 'done'
                  : 'failed';
          return (
            <li key={step} className={state}>
              <Icon name={ICONS[state]} size={18} />
              <div>
                <p className="step">
                  {texts.diagnosis.step(step)}
                  <span className="unseen">, {texts.diagnosis.states[state]}</span>
                  {result?.durationMs == null ? null : (
                    <span className="quiet"> {texts.peer.ms(result.durationMs)}</span>
                  )}
                </p>
                {result?.message == null ? null : <p className="found">{result.message}</p>}
              </div>
            </li>
          );
        })}
      </ol>
    </>
  );
}
