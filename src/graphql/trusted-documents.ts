/**
 * Documents that are known beforehand, where the owner wants no others: those of `schema/operations`. They are compared by
 * what they ask for; spaces, comments and the order of definitions make no difference.
 */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DefinitionNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  Kind,
  parse,
  print,
  visit,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { HedgerowError } from '../lib/errors.ts';

export interface TrustedDocuments {
  has(document: DocumentNode): boolean;
  readonly size: number;
}

/**
 * Reads every `.graphql` file of a folder and of the folders in it. A file may use fragments of files beside it.
 *
 * @throws HedgerowError INVALID where a file cannot be read, is no document, or uses a fragment that is not there
 */
export async function readTrustedDocuments(folder: string): Promise<TrustedDocuments> {
  const names = new Set<string>();
  await readFolder(folder, names);
  return { has: (document) => names.has(nameOf(document.definitions)), size: names.size };
}

/** Refuses what is not known before it is validated. */
export function trustedDocumentsPlugin(trusted: TrustedDocuments): Plugin {
  return {
    onValidate({ params: { documentAST } }) {
      if (trusted.has(documentAST)) return;
      throw new HedgerowError(
        'FORBIDDEN',
        'This server answers only the operations that it knows beforehand.',
      );
    },
  };
}

async function readFolder(folder: string, names: Set<string>): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw new HedgerowError('INVALID', `The operations in ${folder} cannot be read.`, { cause: error });
  });
  const documents: DocumentNode[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await readFolder(path, names);
    else if (entry.name.endsWith('.graphql')) documents.push(await readDocument(path));
  }
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const { definitions } of documents) {
    for (const node of definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
    }
  }
  for (const { definitions } of documents) {
    const operations = definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    if (operations.length > 0) names.add(nameOf([...operations, ...used(operations, fragments, folder)]));
  }
}

async function readDocument(path: string): Promise<DocumentNode> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new HedgerowError('INVALID', `The file ${path} is no document of GraphQL.`, { cause: error });
  }
}

/** The fragments of a document, those that only other fragments use included. */
function used(
  from: readonly DefinitionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  folder: string,
): FragmentDefinitionNode[] {
  const found = new Set<FragmentDefinitionNode>();
  const look = (node: DefinitionNode): void => {
    visit(node, {
      [Kind.FRAGMENT_SPREAD]: ({ name }: FragmentSpreadNode) => {
        const fragment = fragments.get(name.value);
        if (fragment === undefined) {
          throw new HedgerowError('INVALID', `There is no fragment ${name.value} in ${folder}.`);
        }
        if (found.has(fragment)) return;
        found.add(fragment);
        look(fragment);
      },
    });
  };
  for (const node of from) look(node);
  return [...found];
}

function nameOf(definitions: readonly DefinitionNode[]): string {
  return definitions.map(print).sort().join('\n');
}
