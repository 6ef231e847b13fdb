import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Manifest {
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly lockfileVersion: number;
  /** By their folders; the project itself has none. */
  readonly packages: Readonly<Record<string, Locked>>;
}

const textOf = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const { allowScripts, dependencies, devDependencies } = JSON.parse(textOf('package.json')) as Manifest;
const { lockfileVersion, packages } = JSON.parse(textOf('package-lock.json')) as Lock;
const locked = Object.entries(packages).filter(([path]) => path !== '');
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('every package of the lock file is a version of the registry, whose content is known', () => {
  expect(lockfileVersion).toBe(3);
  expect(locked.length).toBeGreaterThan(500);
  const others = locked.filter(
    ([, { version = '', resolved, integrity = '', link }]) =>
      link === true || resolved !== undefined || !/^\d/.test(version) || !integrity.startsWith('sha512-'),
  );
  expect(others).toEqual([]);
});

test('no direct dependency comes from anywhere else', () => {
  const wanted = Object.entries({ ...dependencies, ...devDependencies });
  expect(wanted.filter(([, range]) => !/^\^?\d+\.\d+\.\d+$/.test(range))).toEqual([]);
});

test('of each package that has install scripts it is decided whether they run: only those of Node.js do', () => {
  const withScripts = new Set(locked.filter(([, one]) => one.hasInstallScript === true).map(([path]) => nameOf(path)));
  expect(Object.keys(allowScripts).toSorted()).toEqual([...withScripts].toSorted());
  expect(Object.keys(allowScripts).filter((name) => allowScripts[name])).toEqual(['node']);
});
