/**
 * Types for the operations of the terminal, from the printed schema: `npx graphql-codegen`.
 *
 * The result is committed, so that nothing has to be generated before the program runs; a test keeps it current.
 */
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: 'schema/operations/terminal/*.graphql',
  // Node runs the sources as they are, and asks for the whole name of a file.
  importExtension: '.ts',
  generates: {
    'schema/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // A document is a string with a type: whoever sends it needs no GraphQL library.
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          DateTime: 'string',
          LocalDateTime: 'string',
          BigInt: 'string',
          URL: 'string',
          JSON: 'unknown',
        },
      },
    },
  },
};

export default config;
