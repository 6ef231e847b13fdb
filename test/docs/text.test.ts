import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { customerOf, startWritingGateway, type WritingGateway } from '../mutations/writing-gateway.ts';
import { PAIRS } from './text-pairs.ts';

const path = join(import.meta.dirname, '../../docs/text.md');
const START = '<!-- pairs: `npm run docs:text` -->';

const pairs = Object.entries(PAIRS).flatMap(([script, texts]) =>
  texts.map(([stored, asked, why = '']) => ({ script, stored, asked, why })),
);

/** A text with the codes of characters that a reader would not see. */
const seen = (text: string): string =>
  text.replaceAll(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]|[\u2126\u212b\uf900\u1100-\u11ff]/gu, (character) =>
    // Marks are visible enough with the letter before them, unless the composed character looks the same.
    /[\u0300-\u036f\p{Cf}\p{Default_Ignorable_Code_Point}\u0653\u0654\u0e4d\u0ecd\u093c\u09bc\u3099\u309a\u2126\u212b\uf900\u1100-\u11ff]/u.test(
      character,
    )
      ? `\\u{${character.codePointAt(0)?.toString(16)}}`
      : character,
  );

describe('docs/text.md', () => {
  let gateway: WritingGateway;
  beforeAll(async () => {
    gateway = await startWritingGateway();
  });
  afterAll(() => gateway.close());

  /** Stores two customers with one spelling and one with the other between them, and searches by the other. */
  async function resultOf(stored: string, asked: string, number: number) {
    const own = `pair ${number}`;
    const key = (text: string) => `${number}:${text}`;
    const first = customerOf(await gateway.create({ name: stored, externalId: key(stored), tags: [own, stored] })).id;
    const second = customerOf(await gateway.create({ name: asked, tags: [own] })).id;
    const third = customerOf(await gateway.create({ name: stored, tags: [own] })).id;
    const data = await gateway.data(
      `query($asked: String!, $own: String!, $key: String!) {
        search: searchCustomers(text: $asked, first: 100) { nodes { id } }
        tagged: customers(first: 100, filter: { tag: $asked }) { nodes { id } }
        keyed: customer(by: { externalId: $key }) { id }
        ordered: customers(filter: { tag: $own }, orderBy: { field: NAME, direction: ASC }) { nodes { id } } }`,
      { asked, own, key: key(asked) },
    );
    const ids = (list: { nodes: { id: string }[] }) => list.nodes.map(({ id }) => id);
    const order = ids(data.ordered);
    return {
      search: ids(data.search).includes(first),
      filter: ids(data.tagged).includes(first),
      key: data.keyed?.id === first,
      order: order.join() === [first, second, third].join(),
    };
  }

  test('is what `npm run docs:text` finds out, and finding, filtering and order agree', async () => {
    const lines = [
      '| script | stored | searched for | search | filter | order | key | why they differ |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ];
    for (const [number, { script, stored, asked, why }] of pairs.entries()) {
      const { search, filter, key, order } = await resultOf(stored, asked, number);
      // A prefix that is not the whole text is found only by searching.
      expect({ stored, asked, filter, search }).toEqual({ stored, asked, filter: order, search: order || search });
      // Equal keys mean equal texts everywhere.
      if (key) expect({ stored, asked, order }).toEqual({ stored, asked, order: true });
      // The page says of each pair of texts that differ why they do.
      expect({ stored, asked, isExplained: why !== '' }).toEqual({ stored, asked, isExplained: !order });
      const cells = [search, filter, order, key].map((same) => (same ? 'same' : 'differ'));
      lines.push(`| ${[script, `\`${seen(stored)}\``, `\`${seen(asked)}\``, ...cells, why].join(' | ')} |`);
    }
    const page = readFileSync(path, 'utf8');
    const [head = ''] = page.split(START);
    const written = await format(`${head}${START}\n\n${lines.join('\n')}\n`, {
      ...(await resolveConfig(path)),
      parser: 'markdown',
    });
    if (process.env['WRITE_TEXT_PAGE'] !== undefined) writeFileSync(path, written);
    expect(readFileSync(path, 'utf8')).toBe(written);
    expect(pairs.length).toBeGreaterThanOrEqual(60);
    expect(Object.keys(PAIRS).length).toBeGreaterThanOrEqual(12);
  });
});
