// node .ci/forget-on-crash.mjs PORT: makes a throw-away MySQL on this machine faster by what only a crash would need.
import { createConnection } from 'mariadb';

const connection = await createConnection({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'root' });
await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
await connection.query('SET GLOBAL sync_binlog = 0');
await connection.query('SET GLOBAL innodb_redo_log_capacity = 2147483648');
await connection.end();
