import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '../..');

/** A fenced code block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

export interface Page {
  /** Relative to the project's folder, such as `docs/indexes.md`. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** README, CONTRIBUTING, CHANGELOG and everything in docs. */
export async function readPages(): Promise<readonly Page[]> {
  const paths = await Array.fromAsync(glob(['*.md', 'docs/**/*.md'], { cwd: project }));
  return paths.sort().map((path) => {
    const text = readFileSync(join(project, path), 'utf8');
    return { path, text, blocks: blocksOf(text) };
  });
}

/** The fenced code blocks of a page. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(?<language>\w*)\n(?<text>.*?)^```$/gms)].map((match) => ({
    language: match.groups?.['language'] ?? '',
    text: match.groups?.['text'] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }));
}
