import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPace } from './pace.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('acts once for what comes together, the less often the longer it goes on, and at once again after a rest', () => {
  const act = vi.fn();
  const pace = createPace(act);
  pace.ask();
  pace.ask();
  vi.advanceTimersByTime(120);
  expect(act).toHaveBeenCalledTimes(1);

  for (let passed = 0; passed < 120_000; passed += 100) {
    pace.ask();
    vi.advanceTimersByTime(100);
  }
  const busy = act.mock.calls.length - 1;
  expect(busy).toBeGreaterThan(6);
  expect(busy).toBeLessThan(16);

  vi.advanceTimersByTime(60_000);
  act.mockClear();
  pace.ask();
  vi.advanceTimersByTime(120);
  expect(act).toHaveBeenCalledTimes(1);
});

it('does nothing any more once it has stopped', () => {
  const act = vi.fn();
  const pace = createPace(act);
  pace.ask();
  pace.stop();
  vi.advanceTimersByTime(60_000);
  expect(act).not.toHaveBeenCalled();
});
