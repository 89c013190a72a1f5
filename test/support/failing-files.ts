/** The file operations of the disk store, of which one fails, or is the last that the process does. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { FileHandle } from 'node:fs/promises';
import { type FileOperations, nodeFiles } from '../../src/storage/disk-blob-store.ts';

export interface Plan {
  /** Called before each operation, with its name; throws what the disk would. */
  step(operation: string): void;
}

/** The operations, each of them announced to the plan of whoever asked for it. */
export function plannedFiles(planOf: () => Plan | undefined): FileOperations {
  const announced = (operation: string): void => planOf()?.step(operation);
  const handleOf = (handle: FileHandle): FileHandle =>
    new Proxy(handle, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name !== 'write' && name !== 'sync') return value.bind(target);
        return async (...given: unknown[]) => {
          announced(name);
          return value.apply(target, given);
        };
      },
    });
  return new Proxy(nodeFiles, {
    get: (target, name) => {
      const operation = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]) => {
        announced(String(name));
        const result = await operation(...given);
        return name === 'open' ? handleOf(result as FileHandle) : result;
      };
    },
  });
}

/** Fails at one step, and says whether it came to it. */
export class OneFailure implements Plan {
  reached = false;
  operation = '';
  #left: number;
  readonly #code: string;

  constructor(at: number, code: string) {
    this.#left = at;
    this.#code = code;
  }

  step(operation: string): void {
    this.#left -= 1;
    if (this.#left !== 0) return;
    this.reached = true;
    this.operation = operation;
    throw Object.assign(new Error(`${this.#code}: the disk of a test, ${operation}`), { code: this.#code });
  }
}

export const plans = new AsyncLocalStorage<Plan>();
