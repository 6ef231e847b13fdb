import { Kind, type DocumentNode, type Location, type Source } from 'graphql';
import { textBytes } from './kept.ts';

/** Measured per node, with its position and its share of its parent's lists, in documents of several kinds (2026-11-27). */
const NODE_BYTES = 155;

/** All that the location of an error needs, and that of printing one. */
class Position {
  readonly start: number;
  readonly source: Source;
  constructor(start: number, source: Source) {
    this.start = start;
    this.source = source;
  }
}

/**
 * Takes the tokens out of a parsed document, which are half of its weight, and the spare room out of its lists. A location of
 * graphql-js holds two tokens, and each token all others.
 * @returns how many bytes it takes, without its source
 */
export function lighten(document: DocumentNode): number {
  const source = document.loc?.source;
  if (source === undefined) throw new TypeError('expected a document with locations');
  return lightenNode(document as object as Node, source);
}

/**
 * What a literal's text takes if it is not just a slice of the source. With escapes it is a chain of thousands of pieces, 32 bytes
 * each, until something reads it as a whole, as this does.
 */
function ownTextBytes(node: Node): number {
  const { kind, value } = node;
  if (kind !== Kind.STRING || typeof value !== 'string') return 0;
  const { start, end } = node.loc as Location;
  return end - start > value.length + 2 ? textBytes(value) : 0;
}

interface Node {
  loc?: unknown;
  kind?: unknown;
  value?: unknown;
  [property: string]: unknown;
}

function lightenNode(node: Node, source: Source): number {
  let bytes = NODE_BYTES + ownTextBytes(node);
  for (const [property, value] of Object.entries(node)) {
    if (typeof value !== 'object' || value === null) continue;
    if (property === 'loc') node.loc = new Position((value as Location).start, source);
    else if (Array.isArray(value)) {
      node[property] = value.slice();
      for (const item of value) bytes += lightenNode(item as Node, source);
    } else bytes += lightenNode(value as Node, source);
  }
  return bytes;
}
