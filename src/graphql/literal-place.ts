import { GraphQLError, Kind, visit, type ASTNode, type DocumentNode } from 'graphql';
import { exposedCode } from './coded-errors.ts';

const LITERALS: ReadonlySet<string> = new Set([Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN, Kind.ENUM, Kind.NULL]);

/**
 * Prefixes an error about a literal with the path of the argument or variable that the literal is in, down to the input field,
 * such as `Argument "input.items[0].unitPrice"`; for a variable's default, `Variable "$filter.createdAt.from"`. graphql-js gives
 * only the position in the text. Returns other errors unchanged.
 */
export function withPlace(error: GraphQLError, document: DocumentNode): GraphQLError {
  const literal = error.nodes?.[0];
  if (literal === undefined) return error;
  // The errors of graphql-js about lists and objects say what they are in. Those of our scalars do not.
  if (!LITERALS.has(literal.kind) && exposedCode(error.originalError ?? error) === undefined) return error;
  const place = placeOf(literal, document);
  if (place === undefined) return error;
  const message = `${place}: ${error.message.replace(/^Expected /, 'expected ')}`;
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    extensions: error.extensions,
    ...(error.originalError ? { originalError: error.originalError } : {}),
  });
}

function placeOf(literal: ASTNode, document: DocumentNode): string | undefined {
  let found: string | undefined;
  const around: string[] = [];
  visit(document, {
    enter(node, key, parent) {
      around.push(partOf(node, key, parent));
      if (node !== literal) return;
      const path = around.join('').slice(1);
      if (path !== '') found = `${path.startsWith('$') ? 'Variable' : 'Argument'} "${path}"`;
    },
    leave() {
      around.pop();
    },
  });
  return found;
}

/** What a node adds to the path; most add nothing. */
function partOf(node: ASTNode, key: string | number | undefined, parent: unknown): string {
  if (node.kind === Kind.VARIABLE_DEFINITION) return `.$${node.variable.name.value}`;
  if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return `.${node.name.value}`;
  return typeof key === 'number' && LISTED.has(node.kind) && Array.isArray(parent) ? `[${key}]` : '';
}

/** Values, which only a list has several of. */
const LISTED: ReadonlySet<string> = new Set([...LITERALS, Kind.LIST, Kind.OBJECT, Kind.VARIABLE]);
