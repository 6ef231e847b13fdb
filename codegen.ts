import { readdirSync, readFileSync } from 'node:fs';
import type { CodegenConfig } from '@graphql-codegen/cli';

/** The files in a type's folder that export what resolvers are called on. */
const FILES = ['table.ts', 'commands.ts'];

/**
 * What the resolvers of each type are called on: the type that a folder of src/crm exports under the same name, or under that
 * name and `Row`.
 */
function mappersOfFolders(): Record<string, string> {
  const folders = readdirSync('src/crm', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = folders.flatMap(({ name: folder }) =>
    readdirSync(`src/crm/${folder}`)
      .filter((file) => FILES.includes(file))
      .map((file) => `crm/${folder}/${file}`),
  );
  const mappers = files.flatMap((file) =>
    [...readFileSync(`src/${file}`, 'utf8').matchAll(/^export type (\w+) =/gm)].map(
      ([, name = '']): [string, string] => [name.replace(/Row$/, ''), `../${file}#${name}`],
    ),
  );
  const schema = readFileSync('schema.graphql', 'utf8');
  return Object.fromEntries(mappers.filter(([type]) => new RegExp(`^type ${type}\\b`, 'm').test(schema)));
}

const config: CodegenConfig = {
  schema: 'schema.graphql',
  generates: {
    'src/generated/graphql.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        enumsAsTypes: true,
        immutableTypes: true,
        mapperTypeSuffix: 'Value',
        useTypeImports: true,
        contextType: '../crm/context.ts#Context',
        defaultScalarType: 'unknown',
        scalars: {
          ID: 'string',
          DateTime: 'string',
          Decimal: 'string',
          CurrencyCode: 'string',
          CountryCode: 'string',
          EmailAddress: 'string',
          PhoneNumber: 'string',
        },
        inputMaybeValue: 'T | null | undefined',
        mappers: {
          ...mappersOfFolders(),
          Node: '../crm/root.ts#NodeValue',
          PageInfo: '../relay/connection.ts#PageInfo',
        },
      },
    },
  },
};

export default config;
