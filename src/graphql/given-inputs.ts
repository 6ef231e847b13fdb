import { getNamedType, Kind, type ASTVisitor, type TypeInfo, type ValueNode } from 'graphql';

/**
 * A visitor that calls `found` with the schema coordinate of each argument, input field and enum value that a document or a literal
 * gives, unless its value is null. To be wrapped by `visitWithTypeInfo` with the same `info`.
 */
export const givenInputs = (info: TypeInfo, found: (coordinate: string, value: ValueNode) => void): ASTVisitor => ({
  Argument({ value }) {
    const argument = info.getArgument();
    if (argument && value.kind !== Kind.NULL) found(String(argument), value);
  },
  ObjectField({ name, value }) {
    const type = info.getParentInputType();
    if (type && value.kind !== Kind.NULL) found(`${getNamedType(type).name}.${name.value}`, value);
  },
  EnumValue(node) {
    const type = info.getInputType();
    if (type) found(`${getNamedType(type).name}.${node.value}`, node);
  },
});
