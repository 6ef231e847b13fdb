import { describe, expect, test } from '@jest/globals';
import { assertIndexed } from '../../src/batch/index-choice.ts';
import { listLoaders } from '../../src/batch/lists.ts';
import { dateTime, defineTable, id, nullable, text } from '../../src/batch/table.ts';
import { reference } from '../../src/crm/relations.ts';
import type { ResolversOf } from '../../src/crm/resolver-types.ts';

test('a column that refers to a type that does not exist does not compile', () => {
  // Never called: the compiler checks this test.
  const notCompiled = () => [
    // @ts-expect-error the name is misspelt
    reference('customer_id', 'Custommer'),
    // @ts-expect-error a type of the schema, but `node` finds none by id
    nullable(reference('summary_id', 'CustomerSummary')),
  ];
  expect(notCompiled).toBeInstanceOf(Function);
});

test('a field that a folder adds to another type can read nothing of its row but the id', () => {
  // Never called: the compiler checks this test.
  const notCompiled = {
    Ticket: { id: ({ subject }) => subject },
    Agent: {
      id: ({ id: row }) => row,
      // @ts-expect-error it is read only if a field of the agent's own folder needs it
      email: ({ name }) => name,
    },
    // @ts-expect-error its rows have no id, and the customer's folder alone knows which columns are read
    CustomerSummary: { orderCount: ({ orderCount }) => orderCount },
  } satisfies ResolversOf<'Ticket'>;
  expect(notCompiled.Agent.email).toBeInstanceOf(Function);
});

describe('a list', () => {
  const pets = defineTable({
    type: 'Pet',
    name: 'pets',
    columns: {
      id: id('id'),
      ownerId: id('owner_id'),
      chip: text('chip'),
      name: text('name'),
      bornAt: dateTime('born_at'),
    },
    fields: {},
    sorts: { columns: { NAME: 'name', BORN_AT: 'bornAt' }, byDefault: { field: 'NAME', direction: 'ASC' } },
    indexes: [['bornAt'], ['ownerId', 'name'], ['ownerId', 'bornAt']],
    uniques: ['name'],
  });

  /** As at start (`createSchema`). */
  const check = (table: typeof pets): void => {
    for (const { source } of [listLoaders('Query.pets', table), listLoaders('Owner.pets', table, 'ownerId')])
      assertIndexed(source);
  };

  test('is served if its table has an index for each of its orders', () => {
    expect(() => check(pets)).not.toThrow();
  });

  test.each([
    [
      { indexes: [['bornAt'], ['ownerId', 'name']] },
      '[ownerId, bornAt] (pets_owner_id_born_at_id_idx)',
      'Owner.pets by bornAt',
    ],
    [{ uniques: [] }, '[name] (pets_name_id_idx)', 'Query.pets by name'],
    [{ selective: ['chip'] }, '[chip, name] (pets_chip_name_id_idx)', 'Query.pets by name'],
  ] as const)('is refused at start if the table has %j instead', (changed, index, list) => {
    expect(() => check({ ...pets, ...changed })).toThrow(
      new TypeError(`pets: expected an index ${index} for the list ${list}`),
    );
  });
});
