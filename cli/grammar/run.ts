import { PORT, STATE, type CommandSpec } from '../command-spec.ts'

/** Everything that runs a part of Bothy. */

export const RUN: readonly CommandSpec[] = [
  {
    name: 'up',
    arguments: '[folder]',
    group: 'Run a control plane:',
    summary: 'run a control plane on this machine, fed by a folder',
    more: 'Reads every YAML file of the folder (./bothy, else the first example) and keeps the world as they say, until Ctrl-C. Machines of workspaces go on when it ends; bothy down ends them.\nDATABASE_URL names a Postgres of yours in place of the embedded one, and BOTHY_TERRAFORM the terraform or tofu to build with.',
    options: [
      PORT,
      { flags: '--host <address>', help: 'the address to listen on (default 127.0.0.1)' },
      STATE,
      { flags: '--once', help: 'reconcile until settled, print a summary, end: 0 if everything is Ready' },
      { flags: '--insecure', help: 'listen on another address without TLS: tokens travel in the clear' },
    ],
    examples: ['up', 'up ./team --port 8080', 'up ./team --once'],
    load: () => import('../up.ts'),
  },
  {
    name: 'down',
    arguments: '',
    group: 'Run a control plane:',
    summary: "stop every workspace's machine of this standalone",
    more: 'Works whether the control plane is up or not, and ends a bothy up that runs. Homes are kept; the next bothy up starts what was running.',
    options: [STATE],
    examples: ['down'],
    load: () => import('../down.ts'),
  },
  {
    name: 'controller',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'run the control plane of a cluster, or one replica of it',
    more: 'Reconciles the objects of the current cluster of kubectl, or in a pod of the one it runs in, and answers agents and people. DATABASE_URL names the Postgres that all replicas use; one of them reconciles at a time.\n--with-provisioner is everything in one process, with a database of its own where none is named: for a trial.\nIn a terminal it says lines for people and keeps its log in the state folder; elsewhere its log is JSON, on stderr.',
    options: [
      PORT,
      { flags: '--host <address>', help: 'the address to listen on (default 127.0.0.1)' },
      { ...STATE, help: 'where everything is kept (default BOTHY_STATE or ~/.local/state/bothy-controller)' },
      { flags: '--kubeconfig <file>', help: "the cluster, as kubectl knows it (default: kubectl's own, or in a pod the one it runs in)" },
      { flags: '--context <name>', help: 'one of its contexts (default: the current one)' },
      { flags: '--with-provisioner', help: 'build here too' },
      { flags: '--insecure', help: 'listen on another address without TLS: tokens travel in the clear' },
    ],
    examples: ['controller --with-provisioner', 'controller --host 0.0.0.0'],
    load: () => import('../controller.ts'),
  },
  {
    name: 'provisioner',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'run a provisioner that takes builds from DATABASE_URL',
    options: [STATE],
    examples: ['provisioner'],
    load: () => import('../provisioner.ts'),
  },
  {
    name: 'agent',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'run the agent of a workspace; templates do this, not people',
    options: [],
    examples: ['agent'],
    load: () => import('../agent.ts'),
  },
]
