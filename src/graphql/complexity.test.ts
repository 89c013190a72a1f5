import { getNullableType, isInterfaceType, isListType, isObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { schema } from './schema.ts';

it('is a matter of numbers and of lengths of lists alone, so that an operation is weighed once for each of these', () => {
  let weighed = 0;
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const { complexity } = field.extensions as { complexity?: unknown };
      if (typeof complexity !== 'function') continue;
      weighed += 1;
      const seen = new Set<string>();
      const args = new Proxy<Record<string, unknown>>(
        {},
        {
          get: (_target, name) => {
            const argument = field.args.find((each) => each.name === name);
            if (argument === undefined) return undefined;
            const of = getNullableType(argument.type);
            seen.add(isListType(of) ? 'a list' : String(of));
            return isListType(of) ? new Proxy([], { get: lengthAlone }) : 7;
          },
        },
      );
      const context = new Proxy(
        {},
        {
          get: (_target, name) => {
            throw new Error(`${type.name}.${field.name} looks at ${String(name)} of the context.`);
          },
        },
      );
      complexity(args, context, field);
      expect([...seen].filter((each) => each !== 'Int' && each !== 'a list')).toEqual([]);
    }
  }
  expect(weighed).toBeGreaterThan(5);
});

function lengthAlone(_target: object, name: string | symbol): number {
  if (name !== 'length') throw new Error(`A weight hangs on ${String(name)} of a list.`);
  return 7;
}
