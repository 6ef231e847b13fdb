import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A step of docs/adding-a-type.md: a block of code, and the file that the line before it names last. */
export interface GuideStep {
  /** Relative to the project's folder. */
  readonly path: string;
  readonly language: string;
  readonly text: string;
}

/** The steps of a page, in order. */
export function stepsOf(page: string): GuideStep[] {
  return [...page.matchAll(/`([\w./-]+)`:\n\n```(\w+)\n(.*?)^```$/gms)].map(
    ([, path = '', language = '', text = '']) => ({
      path,
      language,
      text,
    }),
  );
}

/**
 * Does what a step says in a copy of the project: changes a file as its diff says, or appends to it, or creates it.
 * @throws Error if a place to change is not there exactly once
 */
export async function applyStep(folder: string, { path, language, text }: GuideStep): Promise<void> {
  const file = join(folder, path);
  if (language !== 'diff') {
    await mkdir(dirname(file), { recursive: true });
    const before = existsSync(file) ? `${await readFile(file, 'utf8')}\n` : '';
    await writeFile(file, before + text);
    return;
  }
  let content = await readFile(file, 'utf8');
  for (const hunk of text.split('@@\n')) {
    const lines = hunk.split('\n').filter((line) => line !== '');
    const side = (other: string) =>
      lines
        .filter((line) => !line.startsWith(other))
        .map((line) => `${line.slice(1)}\n`)
        .join('');
    const found = content.split(side('+')).length - 1;
    if (found !== 1) throw new Error(`${path}: expected this place once, found it ${found} times:\n${side('+')}`);
    content = content.replace(side('+'), () => side('-'));
  }
  await writeFile(file, content);
}
