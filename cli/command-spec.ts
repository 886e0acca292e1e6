import type { Run } from './session.ts'

/** What a command is made of, and the options that several have. */

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
  /** It talks to nothing, so there is nobody to name. */
  readonly offline?: boolean
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

export const NAMESPACE: OptionSpec = {
  flags: '-n, --namespace <name>',
  help: 'the namespace to work in (default: that of the kubeconfig\'s context, or "default")',
}
export const DRY_RUN: OptionSpec = { flags: '--dry-run', help: 'say what would be done, and do nothing' }
export const FILES: OptionSpec = { flags: '-f, --file <path>', help: 'a file, a folder, or - for what is piped in', repeats: true }
export const SELECTOR: OptionSpec = { flags: '-l, --selector <labels>', help: 'only objects with these labels, as in team=a,tier!=dev' }
export const TIMEOUT = (help: string, otherwise: string): OptionSpec => ({ flags: '--timeout <duration>', help, default: otherwise })
export const output = (choices: readonly string[], help: string, otherwise?: string): OptionSpec => ({
  flags: '-o, --output <form>',
  help,
  choices,
  ...(otherwise === undefined ? {} : { default: otherwise }),
})
export const JSON_OUTPUT = output(['text', 'json'], 'how to answer', 'text')

export const PORT: OptionSpec = {
  flags: '--port <number>',
  help: 'the port to listen on; 0 takes any that is free (default BOTHY_PORT or 7080)',
}
export const STATE: OptionSpec = {
  flags: '--state <folder>',
  help: 'where everything is kept (default BOTHY_STATE or ~/.local/state/bothy)',
}

export const QUIET: OptionSpec = { flags: '-q, --quiet', help: 'no progress, only the answer' }

/** Whom to talk to: on every command that talks to somebody, but where it has one of its own by the same name. */
export const HOME_OPTIONS: readonly OptionSpec[] = [
  { flags: '--url <url>', help: 'the control plane to talk to (default BOTHY_URL, then the one running here)' },
  { flags: '--token <token>', help: 'the token to show it (default BOTHY_TOKEN)' },
  { flags: '--context <name>', help: 'the cluster to talk to, by a context of the kubeconfig' },
  { flags: '--kubeconfig <file>', help: 'the kubeconfig (default KUBECONFIG, then ~/.kube/config)' },
  { flags: '--service-account <name>', help: 'as whom to ask the controller of a cluster (default BOTHY_SERVICE_ACCOUNT)' },
]

const nameIn = (flags: string): string => /--[a-z-]+/.exec(flags)?.[0] ?? ''

export const optionsIn = ({ options, offline }: CommandSpec): readonly OptionSpec[] => {
  const own = new Set(options.map(({ flags }) => nameIn(flags)))
  return [...options, ...[QUIET, ...(offline ? [] : HOME_OPTIONS)].filter(({ flags }) => !own.has(nameIn(flags)))]
}
