/** Makes the databases that the run's others are copies of. `make-templates.ts <file of SQLite> [URL of PostgreSQL]` */
import { openDatabase } from '../../src/database/database.ts';

const [path = '', url] = process.argv.slice(2);
await (await openDatabase({ dialect: 'sqlite', path }))[Symbol.asyncDispose]();
if (url !== undefined) await (await openDatabase({ dialect: 'postgresql', url }))[Symbol.asyncDispose]();
