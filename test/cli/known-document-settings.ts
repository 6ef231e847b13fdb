import { fileURLToPath } from 'node:url';
import type { Setting } from './known-settings.ts';

const DOCUMENTS =
  'expected names of files with documents by id, as relay-compiler, graphql-codegen or Apollo write them';
export const MANIFEST = fileURLToPath(new URL('../fixtures/trusted-documents.json', import.meta.url));

/** The settings of trusted documents. */
export const DOCUMENT_SETTINGS: readonly Setting[] = [
  {
    name: 'TRUSTED_DOCUMENTS',
    read: ({ trust }) => trust.documents.size || undefined,
    fallback: undefined,
    right: [
      [MANIFEST, 1],
      [` ${MANIFEST} , ${MANIFEST}`, 1],
      ['', undefined],
    ],
    wrong: [
      ['/nowhere.json', `${DOCUMENTS}, got "/nowhere.json", which cannot be read (ENOENT)`],
      ['/', `${DOCUMENTS}, got "/", which cannot be read (EISDIR)`],
      [',', `${DOCUMENTS}, got only commas`],
    ],
  },
  {
    name: 'TRUSTED_DOCUMENTS_MODE',
    read: ({ trust }) => trust.mode,
    fallback: 'enforce',
    also: { TRUSTED_DOCUMENTS: MANIFEST },
    right: [
      ['off', 'off'],
      ['log', 'log'],
      ['enforce', 'enforce'],
      ['', 'enforce'],
    ],
    wrong: [['Enforce', 'expected one of off, log, enforce, got "Enforce"']],
  },
];
