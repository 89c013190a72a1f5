import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

it('a run in which a test fails ends with another code than 0', async () => {
  const command = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const config = join(ROOT, 'test/fixtures/failing/vitest.config.ts');
  const { VITEST: _inside, ...environment } = process.env;
  const run = spawn(process.execPath, [command, 'run', '--config', config], { cwd: ROOT, env: environment });
  let output = '';
  run.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(run, 'close');
  expect(output).toContain('failing.ts');
  expect(output).toMatch(/1 failed/);
  expect(code).toBe(1);
});
