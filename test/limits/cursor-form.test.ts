import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dateTime, id, nullable, text } from '../../src/batch/table.ts';
import { decodeCursor, encodeCursor } from '../../src/relay/cursor.ts';

describe('reading a cursor', () => {
  const scope = { list: 'Query.customers', order: 'NAME ASC', instance: 'abc' };
  const rowId = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String);
  // JSON and UTF-8 preserve all text except lone surrogates, which no row can contain.
  const name = fc.string({ unit: 'grapheme', maxLength: 200 });
  const moment = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });

  test('returns what was written, for text, times, nulls and ids', () => {
    const same = (column: ReturnType<typeof text>, value: string | null, row: string) => {
      const cursor = encodeCursor({ ...scope, column }, { value, id: row });
      expect(cursor).toMatch(/^[\w-]+$/);
      expect(decodeCursor({ ...scope, column }, cursor, 'after')).toEqual({ value, id: row });
    };
    fc.assert(fc.property(name, rowId, (value, row) => same(text('name'), value, row)));
    fc.assert(fc.property(moment, rowId, (value, row) => same(dateTime('created_at'), value.toISOString(), row)));
    fc.assert(fc.property(rowId, (row) => same(id('id'), row, row)));
    expect(
      decodeCursor(
        { ...scope, column: nullable(dateTime('closed_at')) },
        encodeCursor({ ...scope, column: nullable(dateTime('closed_at')) }, { value: null, id: '7' }),
        'before',
      ),
    ).toEqual({ value: null, id: '7' });
  });
});
