import { expect, test } from '@jest/globals';
import { nullable } from '../../src/batch/table.ts';
import { reference } from '../../src/crm/relations.ts';

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
