import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dateTime, id, nullable, text } from '../../src/batch/table.ts';
import { createCursors, CURSOR_KEY_BYTES } from '../../src/relay/cursor.ts';
import { inClear, sealed } from '../support/cursors.ts';

const key = (byte: number) => Buffer.alloc(CURSOR_KEY_BYTES, byte);
const cursors = createCursors(key(1));

const scope = { list: 'Query.customers', order: 'NAME ASC', listHash: 'abc', column: text('name') };
const rowId = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String);
// JSON and UTF-8 preserve all text except lone surrogates, which no row can contain.
const name = fc.string({ unit: 'grapheme', maxLength: 200 });
const moment = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });

const REFUSED = /^Argument "after": expected a cursor from this list, got "/;
const refused = (cursor: string, by = cursors) =>
  expect(() => by.decode(scope, cursor, 'after')).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', message: expect.stringMatching(REFUSED) }),
  );

describe('decoding a cursor', () => {
  test('returns what was encoded, for text, times, nulls and ids', () => {
    const same = (column: ReturnType<typeof text>, value: string | null, row: string) => {
      const cursor = cursors.encode({ ...scope, column }, { value, id: row });
      expect(cursor).toMatch(/^[\w-]+$/);
      expect(cursors.decode({ ...scope, column }, cursor, 'after')).toEqual({ value, id: row });
    };
    fc.assert(fc.property(name, rowId, (value, row) => same(text('name'), value, row)));
    fc.assert(fc.property(moment, rowId, (value, row) => same(dateTime('created_at'), value.toISOString(), row)));
    fc.assert(fc.property(rowId, (row) => same(id('id'), row, row)));
    const nulls = { ...scope, column: nullable(dateTime('closed_at')) };
    expect(cursors.decode(nulls, cursors.encode(nulls, { value: null, id: '7' }), 'before')).toEqual({
      value: null,
      id: '7',
    });
  });

  test('fails if any bit of its text or of its bytes is changed', () => {
    fc.assert(
      fc.property(name, rowId, (value, row) => {
        const cursor = cursors.encode(scope, { value, id: row });
        const texts = Buffer.from(cursor, 'latin1');
        for (let bit = 0; bit < texts.length * 8; bit += 1) refused(flipped(texts, bit).toString('latin1'));
        const bytes = Buffer.from(cursor, 'base64url');
        for (let bit = 0; bit < bytes.length * 8; bit += 1) refused(flipped(bytes, bit).toString('base64url'));
      }),
      { numRuns: 5 },
    );
  });

  test('fails if it is made shorter or longer anywhere', () => {
    const cursor = cursors.encode(scope, { value: 'Zoë', id: '12' });
    for (let length = 0; length < cursor.length; length += 1) {
      refused(cursor.slice(0, length));
      refused(cursor.slice(length + 1));
      refused(`${cursor.slice(0, length)}A${cursor.slice(length)}`);
    }
    for (const more of ['=', '==', ' ', '\n', 'A', 'AAAA', cursor]) refused(cursor + more);
  });

  test('fails for the same bytes in the alphabet of ordinary base64', () => {
    const differs = Array.from({ length: 50 }, (_, i) => cursors.encode(scope, { value: `n${i}`, id: '1' }))
      .map((cursor) => Buffer.from(cursor, 'base64url').toString('base64'))
      .filter((ordinary) => /[+/=]/.test(ordinary));
    expect(differs.length).toBeGreaterThan(0);
    for (const ordinary of differs) refused(ordinary);
  });

  test('fails for one that was made with another key, or is not encrypted', () => {
    fc.assert(
      fc.property(name, rowId, (value, row) => {
        refused(createCursors(key(2)).encode(scope, { value, id: row }));
        for (const version of [1, 2]) refused(inClear([version, scope.list, scope.order, scope.listHash, value, row]));
      }),
    );
  });

  test('fails if it is not a JSON list of six, even if it is encrypted with the key', () => {
    for (const plain of ['', ' ', 'no JSON', 'null', '{}', '[]', '[2]', '[2,"Query.customers","NAME ASC","abc","n"]'])
      refused(sealed(key(1), plain));
  });
});

describe('a cursor', () => {
  // What is encrypted here is pinned, so that gateways of several versions on one database agree.
  test('is the same in every process, and as long as its parts, padded to a multiple of 16 bytes, plus 16 for the tag', () => {
    const counting = Buffer.from(Array.from({ length: CURSOR_KEY_BYTES }, (_, i) => i));
    const one = createCursors(counting).encode(scope, { value: 'Zoë Müller', id: '12' });
    // Made with @noble/ciphers 2.4, another implementation of RFC 5297.
    expect(one).toBe(
      'mjPYPz2PVZTGkQ_6VEln9fAfXqxrmMTsEEF5T_6P2gA3cO0TM4Tcggp3YcmJ6HRm3CcbxUTPYZPXv2OaGi3d0-P0ZVSJb8U-N0lq9VUd9gU',
    );
    expect(one).toBe(sealed(counting, '[2,"Query.customers","NAME ASC","abc","Zoë Müller","12"]'.padEnd(62)));
    for (let length = 0; length < 40; length += 1) {
      const bytes = Buffer.from(cursors.encode(scope, { value: 'n'.repeat(length), id: '1' }), 'base64url');
      const plain = Buffer.byteLength(JSON.stringify([2, scope.list, scope.order, 'abc', 'n'.repeat(length), '1']));
      expect(bytes.length).toBe(16 + Math.ceil(plain / 16) * 16);
    }
  });

  test('differs completely from that of any other row, list or order', () => {
    const all = ['Ann', 'Anna', 'Bob'].flatMap((value) =>
      ['1', '2'].flatMap((row) =>
        ['NAME ASC', 'NAME DESC'].flatMap((order) =>
          ['abc', 'abd'].map((listHash) => cursors.encode({ ...scope, order, listHash }, { value, id: row })),
        ),
      ),
    );
    // Nine characters are 54 bits, which are equal by chance once in millions of years.
    expect(new Set(all.map((cursor) => cursor.slice(0, 9))).size).toBe(all.length);
    expect(new Set(all.map((cursor) => cursor.slice(24, 33))).size).toBe(all.length);
  });

  test('reveals nothing of its contents', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 5, maxLength: 40 }), (value) => {
        const cursor = cursors.encode(scope, { value, id: '12345' });
        // In base64 a text looks different at each of four places.
        for (let skipped = 0; skipped < 4; skipped += 1) {
          const seen = Buffer.from(cursor.slice(skipped), 'base64url');
          for (const part of [value, '12345', 'customers', 'NAME']) expect(seen.includes(part)).toBe(false);
        }
      }),
    );
  });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
