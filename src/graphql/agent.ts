/** Automated agents, as this instance and its peers publish them. */

import { type Agent as AgentShape, agentsOfPeer } from '../federation/agents.ts';
import type { InstanceIdentity } from '../federation/federation.ts';
import { builder } from './builder.ts';
import { Instance } from './instance.ts';
import { Peer } from './peer.ts';
import { attempt, type Outcome, UserError } from './user-error.ts';

const Agent = builder.objectRef<AgentShape>('Agent').implement({
  description:
    'An automated agent that an instance publishes. What it says of itself is shown, and nothing of it is fetched or run.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is called.' }),
    description: t.string({
      nullable: true,
      description: 'What it is for.',
      resolve: ({ description }) => description ?? null,
    }),
    url: t.field({
      type: 'URL',
      nullable: true,
      description: 'Where it is found: http or https.',
      resolve: ({ url }) => url ?? null,
    }),
    version: t.string({
      nullable: true,
      description: 'Of the agent.',
      resolve: ({ version }) => version ?? null,
    }),
    skills: t.exposeStringList('skills', { description: 'What it can do.' }),
  }),
});

builder.objectField(Peer, 'agents', (t) =>
  t.field({
    type: [Agent],
    description: 'Agents that it publishes, as they were last read.',
    resolve: (peer) => agentsOfPeer(peer),
  }),
);

builder.objectField(Instance, 'agents', (t) =>
  t.field({
    type: [Agent],
    description: 'Agents that it publishes to its peers.',
    resolve: (_instance, _args, { federation }) => federation.agents(),
  }),
);

const AgentInput = builder.inputType('AgentInput', {
  description: 'An automated agent.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is called; at most 200 characters.' }),
    description: t.string({ description: 'What it is for; at most 10,000 characters.' }),
    url: t.field({ type: 'URL', description: 'Where it is found: http or https.' }),
    version: t.string({ description: 'Of the agent; at most 200 characters.' }),
    skills: t.stringList({
      required: true,
      defaultValue: [],
      description: 'What it can do; at most 100, of at most 200 characters each.',
    }),
  }),
});

const PublishAgentsInput = builder.inputType('PublishAgentsInput', {
  description: 'What peers are told of the agents here.',
  fields: (t) => ({
    agents: t.field({
      type: [AgentInput],
      required: true,
      description: 'All of them, at most 100; those that are not named are published no longer.',
    }),
  }),
});

const PublishAgentsPayload = builder
  .objectRef<Outcome<{ instance: InstanceIdentity | null }>>('PublishAgentsPayload')
  .implement({
    description: 'What became of publishing agents.',
    fields: (t) => ({
      instance: t.field({
        type: Instance,
        nullable: true,
        description: 'This instance; null where it went wrong.',
        resolve: ({ instance }) => instance,
      }),
      userErrors: t.field({
        type: [UserError],
        description: 'What the caller can put right.',
        resolve: (payload) => payload.userErrors,
      }),
    }),
  });

builder.mutationField('publishAgents', (t) =>
  t.field({
    type: PublishAgentsPayload,
    description: 'Says which automated agents peers are told of.',
    authScopes: { administer: true },
    args: { input: t.arg({ type: PublishAgentsInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, { federation }) =>
      attempt<{ instance: InstanceIdentity | null }>({ instance: null }, async () => {
        await federation.publishAgents(input.agents);
        return { instance: federation.instance() };
      }),
  }),
);
