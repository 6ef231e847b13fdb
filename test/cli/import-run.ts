import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { runImport } from '../../src/cli/import.ts';
import { createDatabase } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

/** Drops the databases and folders that a test has created; for `afterEach`. */
export async function cleanUpImports(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
}

/** The URL of a migrated database. */
export async function freshDatabase(): Promise<string> {
  const database = await createDatabase();
  cleanUps.push(() => database.drop());
  return database.url;
}

/** A new folder with these files; strings are written in UTF-8. */
export async function folderOf(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'import-test-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** How an import ended. */
interface Imported {
  readonly exitCode: number;
  readonly output: string;
  /** By target: read, created, updated, unchanged, rejected. */
  readonly counts: Readonly<Record<string, readonly number[]>>;
  /** By file, the lines of its rejects file without the header. */
  readonly rejects: Readonly<Record<string, readonly string[]>>;
  /** The lines of the file of values left empty; undefined when the summary names none. */
  readonly leftEmpty: readonly string[] | undefined;
}

/**
 * Runs the import command.
 * @param mapping a path, or the contents of the mapping file
 */
export async function importFrom(databaseUrl: string, folder: string, mapping: string | object): Promise<Imported> {
  const own = await folderOf(typeof mapping === 'string' ? {} : { 'mapping.yaml': JSON.stringify(mapping) });
  const path = typeof mapping === 'string' ? mapping : join(own, 'mapping.yaml');
  const { cli, output } = captureCli();
  const exitCode = await runImport({ folder, mapping: path, rejects: join(own, 'rejects') }, cli, databaseUrl);
  const counts: Record<string, number[]> = {};
  for (const line of output().split('\n')) {
    const [target = '', ...cells] = line.split(/\s{2,}/);
    if (cells.length === 5 && target !== '') counts[target] = cells.map((cell) => Number(cell.replaceAll(',', '')));
  }
  const rejects: Record<string, string[]> = {};
  for (const [, file = ''] of output().matchAll(/([^ ]+\.rejected\.csv)/g)) {
    const written = file.replace(/,$/, '');
    rejects[written.split('/').at(-1) ?? ''] = (await readFile(written, 'utf8')).trimEnd().split('\n').slice(1);
  }
  const leftEmptyPath = /^Values left empty, .*: (.*)$/m.exec(output())?.[1];
  const leftEmpty =
    leftEmptyPath === undefined ? undefined : (await readFile(leftEmptyPath, 'utf8')).trimEnd().split('\n');
  return { exitCode, output: output(), counts, rejects, leftEmpty };
}

/** Expects every row that was read to have exactly one outcome. */
export function expectSums(counts: Imported['counts']): void {
  for (const [read, ...ends] of Object.values(counts)) expect(ends.reduce((sum, one) => sum + one, 0)).toBe(read);
}

/** Fields for the tests' own files. */
export const customers = { externalId: 'id', name: 'name', email: 'email' };
export const products = { sku: 'sku', name: 'sku', price: 'price', currency: { constant: 'EUR' } };
export const orders = {
  number: 'no',
  customer: 'customer',
  currency: { constant: 'EUR' },
  placedAt: { constant: '2024-01-01' },
};
export const orderItems = { order: 'no', product: 'sku', quantity: 'pieces', unitPrice: 'price' };

/** A mapping of files named after their targets. */
export function mappingOf(targets: Readonly<Record<string, object>>): object {
  const sources = Object.entries(targets).map(([target, fields]) => [target, { file: `${target}.csv`, fields }]);
  return { name: 'test', targets: Object.fromEntries(sources) };
}
