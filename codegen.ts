/**
 * Types for the operations of the terminal and of the web pages, from the printed schema: `npx graphql-codegen`.
 *
 * The result is committed, so that nothing has to be generated before the program runs; a test keeps it current.
 */
import type { CodegenConfig } from '@graphql-codegen/cli';

const client = {
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
} as const;

const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  // Node runs the sources as they are, and asks for the whole name of a file.
  importExtension: '.ts',
  generates: {
    'schema/generated/': { ...client, documents: 'schema/operations/terminal/*.graphql' },
    'docs/examples/client/generated/': { ...client, documents: 'docs/examples/client/*.graphql' },
    // Apart, so that no page loads what only the terminal asks for.
    'src/web/generated/': { ...client, documents: 'schema/operations/web/*.graphql' },
  },
};

export default config;
