/** `hedgerow explain`: why the bytes of an item come from where they do. */

import type { Command } from 'commander';
import { ExplainMediaDocument, type ExplainMediaQuery } from '../../../schema/generated/graphql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { CommandContext } from '../context.ts';
import { ago, bytes, printable } from '../terminal.ts';

export function addExplain(program: Command, { terminal, open }: CommandContext): void {
  program
    .command('explain')
    .description('say from where the files of an item come, and why')
    .argument('<media id>', 'the item')
    .option('--json', 'print it as JSON', false)
    .action(async (id: string, { json }: { json: boolean }) => {
      await using backend = await open();
      const { explainMedia } = await backend.graphql(ExplainMediaDocument, { id });
      if (explainMedia === null) throw new HedgerowError('NOT_FOUND', `There is no item ${id}.`);
      terminal.out(json ? JSON.stringify(explainMedia) : explanationText(explainMedia));
    });
}

type Explanation = NonNullable<ExplainMediaQuery['explainMedia']>;

function explanationText({ media, files }: Explanation): string {
  const from = media.peer === null ? 'of this instance' : `of ${media.peer.name}`;
  const head = `${printable(media.title)}, ${printable(from)}`;
  if (files.length === 0) return `${head}\nIt has no files that could be opened.`;
  return [head, ...files.map(fileText)].join('\n\n');
}

function fileText(file: Explanation['files'][number]): string {
  const facts = [
    file.byteSize === null ? 'of unknown size' : bytes(Number(file.byteSize)),
    file.mimeType === '' ? 'of unknown type' : file.mimeType,
    file.digest ?? 'without a digest',
  ];
  const lines = [`${file.variant}: ${file.source.toLowerCase()}`, file.reason, facts.join(', ')];
  if (file.segmentCount !== null) {
    const pinned = file.pinned ? ', pinned' : '';
    lines.push(
      `kept: ${file.segments} of ${file.segmentCount} segments, ${bytes(Number(file.bytesCached))}, used ${ago(file.usedAt)}${pinned}`,
    );
  }
  if (file.lastAnswer !== null) {
    const { at, cacheStatus, code, message } = file.lastAnswer;
    const how = code === null ? (cacheStatus ?? 'from this instance') : `${code}, ${message}`;
    lines.push(`last answered ${ago(at)}: ${how}`);
  }
  return lines.map((line, at) => `${at === 0 ? '' : '  '}${printable(line)}`).join('\n');
}
