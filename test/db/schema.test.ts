import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { schemaShape } from '../support/prisma-schema.ts';
import { createDatabase, type TestDatabase, withConnection } from '../support/servers.ts';
import { differences, tableShape } from '../support/table-shape.ts';

const schema = schemaShape(readFileSync(join(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8'));

describe('the migrations and prisma/schema.prisma', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());

  test('describe the same columns, keys and indexes', async () => {
    const tables = await withConnection(database.url, tableShape);
    expect(differences(schema, tables)).toEqual([]);
    expect(tables.length).toBeGreaterThan(100);
  });

  test.each([
    [
      'ALTER TABLE customers DROP INDEX customers_name_id_idx',
      ['only in schema.prisma: customers INDEX customers_name_id_idx (name, id)'],
    ],
    [
      'ALTER TABLE orders DROP INDEX orders_placed_at_id_idx, ADD INDEX orders_placed_at_id_idx (id, placed_at)',
      [
        'only in schema.prisma: orders INDEX orders_placed_at_id_idx (placed_at, id)',
        'only in the database: orders INDEX orders_placed_at_id_idx (id, placed_at)',
      ],
    ],
    [
      'ALTER TABLE products DROP INDEX products_sku_key, ADD INDEX products_sku_key (sku)',
      [
        'only in schema.prisma: products UNIQUE INDEX products_sku_key (sku)',
        'only in the database: products INDEX products_sku_key (sku)',
      ],
    ],
    [
      'ALTER TABLE agents MODIFY name VARCHAR(100) NULL',
      [
        'only in schema.prisma: agents.name varchar(200) NOT NULL',
        'only in the database: agents.name varchar(100) NULL',
      ],
    ],
    [
      "ALTER TABLE tickets MODIFY priority ENUM('LOW', 'NORMAL', 'URGENT') NOT NULL DEFAULT 'LOW'",
      [
        "only in schema.prisma: tickets.priority enum('LOW','NORMAL','HIGH','URGENT') NOT NULL DEFAULT NORMAL",
        "only in the database: tickets.priority enum('LOW','NORMAL','URGENT') NOT NULL DEFAULT LOW",
      ],
    ],
    ['CREATE TABLE extra (id BIGINT NOT NULL)', ['only in the database: extra.id bigint NOT NULL']],
  ])('differ after %s, and the comparison finds that', async (statement, expected) => {
    const scratch = await createDatabase();
    try {
      const tables = await withConnection(scratch.url, async (connection) => {
        await connection.query(statement);
        return tableShape(connection);
      });
      expect(differences(schema, tables)).toEqual(expected);
    } finally {
      await scratch.drop();
    }
  });

  test('a part of the Prisma language that the comparison does not know is refused, not ignored', () => {
    expect(() => schemaShape('model A {\n  id BigInt @id @shiny\n}\n')).toThrow('@shiny');
    expect(() => schemaShape('model A {\n  id BigInt @id\n  @@index([id(sort: Desc)])\n}\n')).toThrow('sort: Desc');
  });
});
