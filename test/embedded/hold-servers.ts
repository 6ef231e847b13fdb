import { startEmbeddedServers } from '../../src/embedded/index.ts';

// A program for tests to kill: node hold-servers.ts DATA_DIR SERVERS_DIR FOLDER... prints the database's URL and waits.
const [dataDir = '', serversDir = '', ...folders] = process.argv.slice(2);
const servers = await startEmbeddedServers({
  dataDir,
  serversDir,
  database: true,
  redis: true,
  databaseName: 'crm',
  folders,
  report: () => {},
});
console.log(servers.databaseUrl);
void servers.died.then((how) => console.log(how));
process.on('SIGTERM', () => void servers.stop().then(() => process.exit()));
// The test run has ended.
process.stdin.resume().on('end', () => void servers.stop().then(() => process.exit()));
