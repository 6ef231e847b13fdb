import { isUtf8 } from 'node:buffer';
import { isMap, isScalar, LineCounter, parseDocument, visit, type Document, type Scalar } from 'yaml';
import { CliError, EXIT } from '../../cli-error.ts';

/**
 * Parses a YAML file with its scalars as text: `01067` is not a number, and only an empty value, `~` or `null` is null. For a
 * file of another kind, given by mistake, it reports one problem instead of one per line.
 * @throws CliError (exit code 65) with the place
 */
export function parseMappingYaml(path: string, bytes: Buffer): unknown {
  const content = bytes.toString('utf8');
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, logLevel: 'error', schema: 'failsafe' });
  const refuse = (offset: number, what: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new CliError(`The mapping ${path} is not YAML as expected: line ${line}, column ${col}: ${what}`, {
      exitCode: EXIT.dataError,
    });
  };
  const foreign = otherEncoding(bytes, content);
  if (foreign !== undefined) refuse(foreign.offset, `${ONE_DOCUMENT}, got ${foreign.what}`);
  const [error] = document.errors;
  if (error?.code === 'MULTIPLE_DOCS') refuse(error.pos[0], `${ONE_DOCUMENT}, got several`);
  if (error !== undefined) {
    const [what = ''] = error.message.split(/ at line \d|\n/);
    refuse(error.pos[0], what.replaceAll(/\p{C}/gu, '?').slice(0, 200));
  }
  const { contents } = document;
  if (!isMap(contents)) {
    const isNothing = contents === null || (isScalar(contents) && isNull(contents));
    refuse(
      contents?.range?.[0] ?? 0,
      `expected names with values, such as "name: acme", got ${isNothing ? 'nothing' : isScalar(contents) ? 'a text' : 'a list'}`,
    );
  }
  readNulls(document, refuse);
  return document.toJS();
}

const ONE_DOCUMENT = 'expected one YAML document in UTF-8';

/** What shows that a file is not in UTF-8, and where. */
function otherEncoding(bytes: Buffer, content: string): { offset: number; what: string } | undefined {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return { offset: 0, what: 'UTF-16' };
  if (!isUtf8(bytes)) return { offset: content.indexOf('\ufffd'), what: 'bytes of another encoding' };
  const zero = content.indexOf('\0');
  return zero === -1 ? undefined : { offset: zero, what: 'U+0000, as in UTF-16' };
}

function readNulls(document: Document.Parsed, refuse: (offset: number, what: string) => never): void {
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) refuse(alias.range?.[0] ?? 0, `there is no anchor &${alias.source}`);
    },
    Scalar(key, scalar) {
      // The words of a value map may be anything, even `null` and `~`.
      if (key !== 'key' && isNull(scalar)) scalar.value = null;
    },
  });
}

const isNull = ({ type, value }: Scalar): boolean =>
  type === 'PLAIN' && (value === null || (typeof value === 'string' && /^(?:~|null|Null|NULL|)$/.test(value)));
