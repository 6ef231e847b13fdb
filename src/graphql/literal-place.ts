import { GraphQLError, Kind, visit, type ASTNode, type DocumentNode } from 'graphql';

const LITERALS: ReadonlySet<string> = new Set([Kind.INT, Kind.FLOAT, Kind.STRING, Kind.BOOLEAN, Kind.ENUM, Kind.NULL]);

/**
 * Prefixes an error about a literal with the path of the argument that the literal is in, down to the input field, such as
 * `Argument "filter.createdAt.from"`. graphql-js gives only the position in the text. Returns other errors unchanged.
 */
export function withArgument(error: GraphQLError, document: DocumentNode): GraphQLError {
  const literal = error.nodes?.[0];
  if (literal === undefined || !LITERALS.has(literal.kind)) return error;
  const names = argumentAround(literal, document);
  if (names.length === 0) return error;
  const message = `Argument "${names.join('.')}": ${error.message.replace(/^Expected /, 'expected ')}`;
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    extensions: error.extensions,
    ...(error.originalError ? { originalError: error.originalError } : {}),
  });
}

/** The names of an argument and of the input fields in it, outermost first; empty for a variable's default. */
function argumentAround(literal: ASTNode, document: DocumentNode): readonly string[] {
  let found: readonly string[] = [];
  const around: string[] = [];
  let isArgument = false;
  visit(document, {
    enter(node) {
      if (node.kind === Kind.ARGUMENT) isArgument = true;
      if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) around.push(node.name.value);
      if (node === literal && isArgument) found = [...around];
    },
    leave(node) {
      if (node.kind === Kind.ARGUMENT) isArgument = false;
      if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) around.pop();
    },
  });
  return found;
}
