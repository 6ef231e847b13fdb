import { GraphQLError, Kind, visit, type ASTNode, type DocumentNode } from 'graphql';

const LITERALS: ReadonlySet<string> = new Set([Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN, Kind.ENUM, Kind.NULL]);

/**
 * Prefixes an error about a literal with the path of the argument or variable that the literal is in, down to the input field,
 * such as `Argument "filter.createdAt.from"`; for a variable's default, `Variable "$filter.createdAt.from"`. graphql-js gives
 * only the position in the text. Returns other errors unchanged.
 */
export function withPlace(error: GraphQLError, document: DocumentNode): GraphQLError {
  const literal = error.nodes?.[0];
  if (literal === undefined || !LITERALS.has(literal.kind)) return error;
  const place = placeOf(literal, document);
  if (place === undefined) return error;
  const message = `${place}: ${error.message.replace(/^Expected /, 'expected ')}`;
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    extensions: error.extensions,
    ...(error.originalError ? { originalError: error.originalError } : {}),
  });
}

function nameOf(node: ASTNode): string | undefined {
  if (node.kind === Kind.VARIABLE_DEFINITION) return `$${node.variable.name.value}`;
  return node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD ? node.name.value : undefined;
}

function placeOf(literal: ASTNode, document: DocumentNode): string | undefined {
  let found: string | undefined;
  const around: string[] = [];
  visit(document, {
    enter(node) {
      const name = nameOf(node);
      if (name !== undefined) around.push(name);
      const [outermost] = around;
      if (node !== literal || outermost === undefined) return;
      found = `${outermost.startsWith('$') ? 'Variable' : 'Argument'} "${around.join('.')}"`;
    },
    leave(node) {
      if (nameOf(node) !== undefined) around.pop();
    },
  });
  return found;
}
