/**
 * The direction of imports: each layer knows only those below it (docs/architecture.md). The parser is @swc/core:
 * dependency-cruiser cannot use TypeScript 7. `npm run check:imports`; test/architecture plants violations.
 */

// swc's visitor, which dependency-cruiser walks its trees with, does not know `using` (@swc/core 1.16).
const { Visitor } = require('@swc/core/Visitor.js');
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function visitStatementOrUsing(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  statement.decls = this.visitVariableDeclarators(statement.decls);
  return statement;
};

/** From the top down. What stands on one line may not know each other unless that line says so. */
const LAYERS = [
  ['main'],
  ['cli'],
  ['app'],
  ['data', 'embedded', 'explain'],
  ['http'],
  ['graphql'],
  ['events'],
  ['rate-limit'],
  ['cache'],
  ['crm'],
  ['relay'],
  ['batch'],
  ['db'],
];

/** Below all layers: they know none of them. */
const FOUNDATIONS = [
  'access',
  'telemetry',
  'calendar',
  'compression',
  'config',
  'served',
  'setting-auth',
  'setting-documents',
  'setting-kinds',
  'setting-names',
  'setting-urls',
  'errors',
  'cli-error',
  'canonical',
  'given',
  'pace',
  'representation',
  'time-limit',
  'tls',
  'turns',
];

const pathOf = (names) => `^src/(${names.join('|')})(/|\\.ts$)`;

const directions = LAYERS.map((layer, i) => ({
  name: `${layer.join('-and-')}-looks-down`,
  severity: 'error',
  comment: `${layer.join(' and ')} may import only from the layers below: ${
    LAYERS.slice(i + 1)
      .flat()
      .join(', ') || 'none'
  }.`,
  from: { path: pathOf(layer) },
  to: { path: pathOf(LAYERS.slice(0, i).flat()) },
})).slice(1);

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'foundations-stand-alone',
      severity: 'error',
      comment: 'access, telemetry, config and errors know nothing of what is built on them.',
      from: { path: pathOf(FOUNDATIONS) },
      to: { path: pathOf(LAYERS.flat()) },
    },
    {
      name: 'types-go-by-name',
      severity: 'error',
      comment: "A CRM type's folder never imports another's: relations go by the name of a loader.",
      from: { path: '^src/crm/([^/]+)/' },
      to: { path: '^src/crm/[^/]+/', pathNot: '^src/crm/$1/' },
    },
    {
      name: 'only-the-registry-lists-types',
      severity: 'error',
      comment: 'What all types share does not know any one of them; src/crm/registry.ts alone lists them.',
      from: { path: '^src/crm/[^/]+\\.ts$', pathNot: '^src/crm/registry\\.ts$' },
      to: { path: '^src/crm/[^/]+/' },
    },
    {
      name: 'what-commands-do-is-for-commands',
      severity: 'error',
      comment:
        'A gateway in production neither makes up data nor starts servers nor explains itself: only src/cli may.',
      from: { path: '^src/', pathNot: '^src/(cli|data|embedded|explain)/' },
      to: { path: '^src/(data|embedded|explain)/' },
    },
    {
      name: 'what-commands-do-is-apart',
      severity: 'error',
      comment: 'Filling a database, running one and looking into one have nothing to do with each other.',
      from: { path: '^src/(data|embedded|explain)/' },
      to: { path: '^src/(data|embedded|explain)/', pathNot: '^src/$1/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment:
        'Generated resolver types name the row types of src/crm, which name generated enumerations: types alone.',
      from: { pathNot: '^src/generated/' },
      to: { circular: true, viaOnly: { pathNot: '^src/generated/' } },
    },
    {
      name: 'nothing-from-outside-src',
      severity: 'error',
      comment: 'The gateway runs without tests, benchmarks and tools.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|[^/]+\\.(ts|cjs|mjs))(/|$)' },
    },
    {
      name: 'no-development-dependencies',
      severity: 'error',
      comment: 'What src imports at run time is listed under dependencies in package.json.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-unlisted-dependencies',
      severity: 'error',
      comment: 'A package that only happens to be installed is gone with the next update.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'Every import finds its file or package.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
