import type { Run } from './session.ts'

/** Every command as data: the help, the parser and the shells' completion all read this table. */

export interface OptionSpec {
  /** As commander takes it: `-f, --file <file>`. */
  readonly flags: string
  readonly help: string
  readonly default?: string
  readonly repeats?: boolean
  readonly choices?: readonly string[]
}

export interface CommandSpec {
  readonly name: string
  /** As commander takes it: `<name>` must be there, `[name]` may. */
  readonly arguments: string
  readonly group: Group
  readonly summary: string
  readonly more?: string
  readonly options: readonly OptionSpec[]
  /** Without the program's name in front. */
  readonly examples: readonly string[]
  load(): Promise<{ readonly run: Run }>
}

export const GROUPS = [
  'Run a control plane:',
  'Declare what should be:',
  'Look at what is:',
  'Ask for something once:',
  'Enter a workspace:',
  'This program:',
] as const
export type Group = (typeof GROUPS)[number]

const NAMESPACE: OptionSpec = { flags: '-n, --namespace <name>', help: 'the namespace to work in', default: 'default' }
const DRY_RUN: OptionSpec = { flags: '--dry-run', help: 'say what would be done, and do nothing' }
const FILES: OptionSpec = { flags: '-f, --file <path>', help: 'a file, a folder, or - for what is piped in', repeats: true }
const SELECTOR: OptionSpec = { flags: '-l, --selector <labels>', help: 'only objects with these labels, as in team=a,tier!=dev' }
const TIMEOUT = (help: string, otherwise: string): OptionSpec => ({ flags: '--timeout <duration>', help, default: otherwise })
const output = (choices: readonly string[], help: string, otherwise?: string): OptionSpec => ({
  flags: '-o, --output <form>',
  help,
  choices,
  ...(otherwise === undefined ? {} : { default: otherwise }),
})
const JSON_OUTPUT = output(['text', 'json'], 'how to answer', 'text')

const PORT: OptionSpec = { flags: '--port <number>', help: 'the port to listen on; 0 takes any that is free (default 7080)' }
const STATE: OptionSpec = { flags: '--state <folder>', help: 'where everything is kept (default BOTHY_STATE or ~/.local/state/bothy)' }

/** start, stop and restart differ by a word. */
function request(action: 'start' | 'stop' | 'restart', summary: string, more: string): CommandSpec {
  return {
    name: action,
    arguments: '<name>',
    group: 'Ask for something once:',
    summary,
    more,
    options: [
      NAMESPACE,
      { flags: '--no-wait', help: 'ask, and do not wait for the answer' },
      TIMEOUT('how long to wait for the answer', '10m'),
      JSON_OUTPUT,
    ],
    examples: [`${action} dev`, `${action} dev --no-wait`],
    load: () => import('./request.ts'),
  }
}

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'up',
    arguments: '[folder]',
    group: 'Run a control plane:',
    summary: 'run a control plane on this machine, fed by a folder',
    more: 'Reads every YAML file of the folder (./bothy, else the first example) and keeps the world as they say, until Ctrl-C. Machines of workspaces go on when it ends; bothy down ends them.',
    options: [
      PORT,
      { flags: '--host <address>', help: 'the address to listen on (default 127.0.0.1)' },
      STATE,
      { flags: '--once', help: 'reconcile until settled, print a summary, end: 0 if everything is Ready' },
      { flags: '--insecure', help: 'listen on another address without TLS: tokens travel in the clear' },
    ],
    examples: ['up', 'up ./team --port 8080', 'up ./team --once'],
    load: () => import('./up.ts'),
  },
  {
    name: 'down',
    arguments: '',
    group: 'Run a control plane:',
    summary: "stop every workspace's machine of this standalone",
    more: 'Works whether the control plane is up or not. Homes are kept; the next bothy up starts what was running.',
    options: [STATE],
    examples: ['down'],
    load: () => import('./down.ts'),
  },
  {
    name: 'provisioner',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'run a provisioner that takes builds from DATABASE_URL',
    options: [STATE],
    examples: ['provisioner'],
    load: () => import('./provisioner.ts'),
  },
  {
    name: 'agent',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'run the agent of a workspace; templates do this, not people',
    options: [],
    examples: ['agent'],
    load: () => import('./agent.ts'),
  },
  {
    name: 'apply',
    arguments: '',
    group: 'Declare what should be:',
    summary: 'make objects what files say they should be',
    more: 'Every document is tried; what is refused is shown with its file, line and column, and the rest is applied.',
    options: [FILES, NAMESPACE, DRY_RUN, output(['text', 'name', 'json', 'yaml'], 'how to answer', 'text')],
    examples: ['apply -f workspace.yaml', 'apply -f ./team --dry-run', 'cat workspace.yaml | bothy apply -f -'],
    load: () => import('./apply.ts'),
  },
  {
    name: 'create',
    arguments: '<name>',
    group: 'Declare what should be:',
    summary: 'make a workspace in one line',
    more: 'On a terminal it asks for the parameters that the template needs and that are not given.',
    options: [
      { flags: '-t, --template <name>', help: 'the template to build it from' },
      { flags: '-p, --param <name=value>', help: 'a parameter of the template', repeats: true },
      { flags: '--preset <name>', help: 'a preset of the template' },
      NAMESPACE,
      DRY_RUN,
      { flags: '--no-wait', help: 'do not wait until it is running' },
      TIMEOUT('how long to wait until it is running', '10m'),
      output(['text', 'name', 'json', 'yaml'], 'how to answer', 'text'),
    ],
    examples: ['create dev --template hello', 'create dev -t hello -p greeting=hi --no-wait'],
    load: () => import('./create.ts'),
  },
  {
    name: 'delete',
    arguments: '[object...]',
    group: 'Declare what should be:',
    summary: 'delete objects, and wait until they are gone',
    options: [
      FILES,
      NAMESPACE,
      DRY_RUN,
      { flags: '--no-wait', help: 'do not wait until they are gone' },
      TIMEOUT('how long to wait until they are gone', '10m'),
      output(['text', 'name', 'json'], 'how to answer', 'text'),
    ],
    examples: ['delete workspace/dev', 'delete -f workspace.yaml --no-wait'],
    load: () => import('./delete.ts'),
  },
  {
    name: 'diff',
    arguments: '',
    group: 'Declare what should be:',
    summary: 'show what apply would change; exits 1 if anything',
    options: [FILES, NAMESPACE],
    examples: ['diff -f workspace.yaml'],
    load: () => import('./diff.ts'),
  },
  {
    name: 'get',
    arguments: '<kind> [name...]',
    group: 'Look at what is:',
    summary: 'list objects, or show one',
    options: [
      NAMESPACE,
      { flags: '-A, --all-namespaces', help: 'of every namespace' },
      SELECTOR,
      { flags: '-w, --watch', help: 'go on showing what changes' },
      output(['table', 'wide', 'json', 'yaml', 'name'], 'how to answer', 'table'),
    ],
    examples: ['get workspaces', 'get ws dev -o yaml', 'get templates -A -w'],
    load: () => import('./get.ts'),
  },
  {
    name: 'wait',
    arguments: '<object>',
    group: 'Look at what is:',
    summary: 'wait until something is so',
    options: [
      { flags: '--for <what>', help: 'condition=NAME[=STATUS], field=PATH=VALUE, or delete', default: 'condition=Ready' },
      TIMEOUT('how long to wait', '5m'),
      NAMESPACE,
      JSON_OUTPUT,
    ],
    examples: [
      'wait workspace/dev --for condition=Running',
      'wait workspace/dev --for delete --timeout 1m',
      'wait ws/dev --for field=status.state=Stopped',
    ],
    load: () => import('./wait.ts'),
  },
  {
    name: 'why',
    arguments: '<object>',
    group: 'Look at what is:',
    summary: 'say what an object wants, what holds it, and until when',
    options: [NAMESPACE, JSON_OUTPUT],
    examples: ['why workspace/dev', 'why template/hello -o json'],
    load: () => import('./why.ts'),
  },
  {
    name: 'logs',
    arguments: '<name>',
    group: 'Look at what is:',
    summary: "print a workspace's build log",
    options: [
      { flags: '-b, --build <number>', help: 'of that build (default: the newest)' },
      { flags: '-f, --follow', help: 'go on as long as the build does' },
      { flags: '--timings', help: 'how long each stage took' },
      NAMESPACE,
      JSON_OUTPUT,
    ],
    examples: ['logs dev', 'logs dev -f', 'logs dev --build 3 --timings'],
    load: () => import('./logs.ts'),
  },
  {
    name: 'events',
    arguments: '[object]',
    group: 'Look at what is:',
    summary: 'list what happened, oldest first',
    options: [
      NAMESPACE,
      { flags: '-A, --all-namespaces', help: 'of every namespace' },
      { flags: '-w, --watch', help: 'go on' },
      output(['table', 'json', 'yaml'], 'how to answer', 'table'),
    ],
    examples: ['events', 'events workspace/dev -w'],
    load: () => import('./events.ts'),
  },
  request('start', 'start a workspace, and follow it until it is running', 'Also wakes one that sleeps. Ctrl-C leaves it starting.'),
  request('stop', 'stop a workspace, and follow it until it is stopped', 'Its home is kept. Ctrl-C leaves it stopping.'),
  request('restart', 'stop a workspace and start it again', 'Both legs are followed. Ctrl-C leaves it at work.'),
  {
    name: 'cancel',
    arguments: '<name>',
    group: 'Ask for something once:',
    summary: "cancel a workspace's build, cleanly",
    options: [
      NAMESPACE,
      { flags: '--no-wait', help: 'ask, and do not wait for the answer' },
      TIMEOUT('how long to wait for the answer', '10m'),
      JSON_OUTPUT,
    ],
    examples: ['cancel dev'],
    load: () => import('./request.ts'),
  },
  {
    name: 'exec',
    arguments: '<name> [command...]',
    group: 'Enter a workspace:',
    summary: 'run a command in a workspace, or open a shell',
    more: "Without a command: the user's shell, on a terminal. The exit code is the command's.",
    options: [
      NAMESPACE,
      { flags: '-i, --stdin', help: 'pass what is typed on; this is always so, kubectl asks for it' },
      { flags: '-t, --tty', help: 'give the command a terminal (default: for a shell)' },
      { flags: '--cwd <folder>', help: 'the folder to run in' },
      { flags: '-e, --env <name=value>', help: 'a variable for the command', repeats: true },
    ],
    examples: ['exec dev', 'exec dev -- make test', "exec dev -- sh -c 'echo $BOTHY_WORKSPACE_NAME'"],
    load: () => import('./exec.ts'),
  },
  {
    name: 'doctor',
    arguments: '',
    group: 'This program:',
    summary: 'check this machine, and say how to fix what is wrong',
    options: [STATE, PORT, JSON_OUTPUT],
    examples: ['doctor'],
    load: () => import('./doctor.ts'),
  },
  {
    name: 'completion',
    arguments: '<shell>',
    group: 'This program:',
    summary: 'print the completion of bash, zsh or fish',
    options: [],
    examples: [
      'completion bash > ~/.local/share/bash-completion/completions/bothy',
      'completion fish > ~/.config/fish/completions/bothy.fish',
    ],
    load: () => import('./completion.ts'),
  },
  {
    name: 'version',
    arguments: '',
    group: 'This program:',
    summary: 'print the version, and which control plane it talks to',
    options: [JSON_OUTPUT],
    examples: ['version', 'version -o json'],
    load: () => import('./version.ts'),
  },
]

/** On every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flags: '-q, --quiet', help: 'no progress, only the answer' },
  { flags: '--url <url>', help: 'the control plane to talk to (default BOTHY_URL, then the one running here)' },
  { flags: '--token <token>', help: 'the token to show it (default BOTHY_TOKEN)' },
]
