import { readFile } from 'node:fs/promises';
import { CliError, EXIT } from '../../cli-error.ts';
import { mappingProblems, type Problem } from './mapping-check.ts';
import { mappingSchema, type Mapping } from './mapping-schema.ts';
import { inWords } from './mapping-words.ts';
import { parseMappingYaml } from './mapping-yaml.ts';

/**
 * Reads and checks a mapping file.
 * @throws CliError with exit code 66 when it does not exist, 65 when it is wrong, naming every problem with its path
 */
export async function loadMapping(path: string): Promise<Mapping> {
  const content = await readFile(path).catch((error: unknown) => {
    const reason = Error.isError(error) ? error.message : String(error);
    throw new CliError(`The mapping ${path} cannot be read: ${reason}`, {
      cause: error,
      exitCode: EXIT.noInput,
    });
  });
  const given = parseMappingYaml(path, content);
  const result = mappingSchema.safeParse(given, { error: inWords });
  const problems: readonly Problem[] = result.success ? mappingProblems(result.data) : result.error.issues;
  if (result.success && problems.length === 0) return result.data;
  const lines = problems.map(({ path: at, message }) => `${pathText(at, given) || 'the whole'}: ${message}`);
  throw new CliError(`The mapping ${path} is wrong:\n  ${lines.join('\n  ')}`, { exitCode: EXIT.dataError });
}

/** The path in the file as written: a target's only block is not in a list there. */
function pathText(path: readonly PropertyKey[], given: unknown): string {
  const names: string[] = [];
  let at = given;
  for (const step of path) {
    if (typeof step === 'number' && !Array.isArray(at)) continue;
    names.push(String(step));
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined;
  }
  return names.join('.');
}
