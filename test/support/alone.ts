import { createProcesses } from '../../src/database/processes.ts';

/** One process and nobody beside it, whatever the database: for tests of a part by itself. */
export const ALONE = createProcesses(
  { dialect: 'sqlite', beside: { location: { dialect: 'sqlite', path: '' }, asking: null } },
  {
    onError: (error) => {
      throw error;
    },
  },
);
