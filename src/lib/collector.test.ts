import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('sets a flag that the V8 of this Node knows: of others it complains', async () => {
  const script = `import { countMemoryTogether } from ${JSON.stringify(new URL('collector.ts', import.meta.url).href)}; countMemoryTogether();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
  ]);
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
});
