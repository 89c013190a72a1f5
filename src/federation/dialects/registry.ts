/** The dialects of servers of other make, in the order in which an unknown server is asked. */
import { appkask } from './appkask/appkask.ts';
import { artifex } from './artifex/artifex.ts';
import type { ForeignDialect } from './dialect.ts';

export const FOREIGN_DIALECTS: readonly ForeignDialect[] = [artifex, appkask];
