import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startMysql } from '../../src/embedded/mysql.ts';
import { CliError } from '../../src/cli-error.ts';
import { greeting, packet, signedIn } from '../support/mysql-packets.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

/** What a server says, in turns; after the last one it closes the connection. */
const CONVERSATIONS: readonly (readonly [string, readonly Buffer[]])[] = [
  ['cuts its greeting short', [packet(0, Buffer.from([10]))]],
  ['greets with noise', [Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 151 + 7) % 256))]],
  ['cuts the sign-in short', [greeting('9.7.0'), packet(2, Buffer.from([0]))]],
  ['asks for a file in place of the sign-in', [greeting('9.7.0'), packet(2, Buffer.from([0xfb, 0x2f, 0x65]))]],
  ['closes the connection once somebody has signed in', [greeting('9.7.0'), signedIn, Buffer.alloc(0)]],
  ['answers the first statement with noise', [greeting('9.7.0'), signedIn, packet(1, Buffer.from([0xff, 1]))]],
];

/** A server that takes one connection and ends with it. */
const program = (conversation: readonly Buffer[]): string => `#!${process.execPath}
const turns = ${JSON.stringify(conversation.map((turn) => turn.toString('base64')))};
const port = process.argv.find((argument) => argument.startsWith('--port=')).slice(7);
const server = require('node:net').createServer((socket) => {
  const say = () => {
    socket.write(Buffer.from(turns.shift(), 'base64'));
    if (turns.length === 0) socket.end();
  };
  socket.on('error', () => {}).on('data', () => turns.length > 0 && say()).on('close', () => {
    console.log('said it all');
    server.close();
  });
  say();
}).listen(port, '127.0.0.1');
`;

let folder: Awaited<ReturnType<typeof createTemporaryFolder>>;
beforeAll(async () => {
  folder = await createTemporaryFolder();
});
afterAll(() => folder.remove());

test.each(CONVERSATIONS)('a server that %s counts as not started', async (name, conversation) => {
  const dataDir = join(folder.path, name);
  await mkdir(join(dataDir, 'mysql'), { recursive: true });
  const path = join(dataDir, 'mysqld.cjs');
  await writeFile(path, program(conversation));
  await chmod(path, 0o700);
  const starting = startMysql({
    program: { kind: 'mysql', path, libraryFolders: [] },
    dataDir,
    databaseName: 'crm',
    throwAway: true,
    signal: undefined,
    report: () => undefined,
  });
  const error = await starting.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CliError);
  expect(String(error)).toContain('said it all');
});
