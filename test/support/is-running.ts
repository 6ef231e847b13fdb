import { readFileSync } from 'node:fs';

/** Whether a process runs: not once it has ended, whether its parent knows of that or not (Linux). */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    // ESRCH if it ends between opening the file and reading it.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
