/** Computes a value once per key. */
export function kept<Value>(
  values: Map<string, Promise<Value>>,
  key: string,
  make: () => Promise<Value>,
): Promise<Value> {
  const found = values.get(key) ?? make();
  values.set(key, found);
  return found;
}
