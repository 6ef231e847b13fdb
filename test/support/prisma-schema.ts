/** Prisma's default native types on MySQL. */
const nativeTypes: Readonly<Record<string, string>> = {
  BigInt: 'bigint',
  Boolean: 'tinyint(1)',
  DateTime: 'datetime(3)',
  Decimal: 'decimal(65,30)',
  Float: 'double',
  Int: 'int',
  Json: 'json',
  String: 'varchar(191)',
};

interface Field {
  readonly name: string;
  readonly column: string;
  readonly line: string;
  readonly attributes: string;
}

/**
 * The tables in a schema.prisma, one line for each column, key and index, in the format of `tableShape`. Supports only what
 * this project uses of the language, and throws for anything else.
 */
export function schemaShape(schema: string): readonly string[] {
  const text = schema.replaceAll(/\/\/.*$/gm, '');
  const blocks = [...text.matchAll(/^(?<kind>model|enum) (?<name>\w+) \{(?<body>[^}]*)^\}/gm)].map((match) => ({
    kind: match.groups?.['kind'],
    name: match.groups?.['name'] ?? '',
    lines: (match.groups?.['body'] ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  }));
  const enums = new Map(blocks.filter(({ kind }) => kind === 'enum').map(({ name, lines }) => [name, lines]));
  const models = blocks.filter(({ kind }) => kind === 'model');
  return models.flatMap(({ name, lines }) => modelShape(name, lines, enums)).sort();
}

type Enums = ReadonlyMap<string, readonly string[]>;

function modelShape(model: string, lines: readonly string[], enums: Enums): string[] {
  const table = argument(lines.find((line) => line.startsWith('@@map')) ?? '', 'map') ?? model;
  const fields = lines.filter((line) => !line.startsWith('@@')).map((line) => fieldOf(table, line, enums));
  const columnOf = (name: string): string => {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`${model}: an index names ${name}, which is not a field`);
    return field.column;
  };
  const single = fields.flatMap(({ column, attributes }) => [
    ...(/@id\b/.test(attributes) ? [`${table} PRIMARY KEY PRIMARY (${column})`] : []),
    ...(/@unique\b/.test(attributes)
      ? [`${table} UNIQUE INDEX ${defaultName([table, column], 'key')} (${column})`]
      : []),
  ]);
  const blocks = lines.filter((line) => line.startsWith('@@') && !line.startsWith('@@map'));
  return [...fields.map(({ line }) => line), ...single, ...blocks.map((line) => blockShape(table, line, columnOf))];
}

function blockShape(table: string, line: string, columnOf: (name: string) => string): string {
  const match = /^@@(?<kind>id|unique|index|fulltext)\(\[(?<fields>[\w, ]+)\](?<rest>.*)\)$/.exec(line);
  const { kind, fields, rest } = match?.groups ?? {};
  if (kind === undefined || fields === undefined || !/^(?:, map: "\w+")?$/.test(rest ?? ''))
    throw new Error(`${table}: ${line} is not understood; extend prisma-schema.ts`);
  const columns = fields.split(',').map((name) => columnOf(name.trim()));
  if (kind === 'id') return `${table} PRIMARY KEY PRIMARY (${columns.join(', ')})`;
  const name =
    /map: "(\w+)"/.exec(rest ?? '')?.[1] ?? defaultName([table, ...columns], kind === 'unique' ? 'key' : 'idx');
  const words = { unique: 'UNIQUE INDEX', index: 'INDEX', fulltext: 'FULLTEXT INDEX' };
  return `${table} ${words[kind as keyof typeof words]} ${name} (${columns.join(', ')})`;
}

/** Prisma truncates names to MySQL's 64 characters, before the suffix. */
function defaultName(parts: readonly string[], suffix: 'key' | 'idx'): string {
  return `${parts.join('_').slice(0, 64 - suffix.length - 1)}_${suffix}`;
}

function fieldOf(table: string, line: string, enums: Enums): Field {
  const match = /^(?<name>\w+)\s+(?<type>\w+)(?<optional>\??)(?:\s+(?<attributes>.*))?$/.exec(line);
  const { name, type, optional, attributes = '' } = match?.groups ?? {};
  if (name === undefined || type === undefined) throw new Error(`${table}: ${line} is not understood`);
  const unknown = attributes
    .replaceAll(/@(?:id|unique|updatedAt|default|map|db\.\w+)\b(?:\((?:[^()]|\(\))*\))?/g, '')
    .trim();
  if (unknown !== '') throw new Error(`${table}.${name}: ${unknown} is not understood; extend prisma-schema.ts`);
  const column = argument(attributes, 'map') ?? name;
  const words = [
    `${table}.${column}`,
    columnType(type, attributes, enums),
    optional === '?' ? 'NULL' : 'NOT NULL',
    defaultOf(attributes),
  ];
  return { name, column, attributes, line: words.filter((word) => word !== '').join(' ') };
}

function columnType(type: string, attributes: string, enums: Enums): string {
  const values = enums.get(type);
  if (values !== undefined) return `enum(${values.map((value) => `'${value}'`).join(',')})`;
  const native = /@db\.(?<name>\w+)(?:\((?<size>[\d, ]+)\))?/.exec(attributes)?.groups;
  const written = native?.['name'] && native['name'].toLowerCase() + (native['size'] ? `(${native['size']})` : '');
  const result = written?.replaceAll(' ', '') ?? nativeTypes[type];
  if (result === undefined) throw new Error(`the type ${type} is not understood; extend prisma-schema.ts`);
  return result;
}

function defaultOf(attributes: string): string {
  const value = /@default\((?<value>(?:[^()]|\(\))*)\)/.exec(attributes)?.groups?.['value'];
  if (value === undefined) return '';
  if (value === 'autoincrement()') return 'AUTO_INCREMENT';
  return `DEFAULT ${value === 'now()' ? 'CURRENT_TIMESTAMP(3)' : value.replaceAll('"', '')}`;
}

function argument(text: string, name: string): string | undefined {
  return new RegExp(`@${name}\\("(\\w+)"\\)`).exec(text)?.[1];
}
