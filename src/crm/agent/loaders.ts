import { listLoaders } from '../../batch/lists.ts';
import { rowLoader } from '../../batch/row-loader.ts';
import type { LoadersOf } from '../define-type.ts';
import { agents } from './table.ts';

/** The factories of the loaders of agents. */
export const agentLoaders = {
  agentById: rowLoader(agents),
  agents: listLoaders('Query.agents', agents),
};

declare module '../context.ts' {
  interface Loaders extends LoadersOf<typeof agentLoaders> {}
}
