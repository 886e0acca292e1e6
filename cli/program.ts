import { Command, CommanderError, Option } from 'commander'
import { commandFirst } from './before-command.ts'
import { systemClock } from '../controller/kernel/clock.ts'
import { readEnvironment, type Environment } from './environment.ts'
import { EXIT, usage } from './failure.ts'
import { FILES, GROUPS, optionsIn, type CommandSpec, type OptionSpec } from './command-spec.ts'
import { findHome } from './home.ts'
import { COMMANDS } from './grammar.ts'
import { optionsOf, type Options } from './options.ts'
import { programVersion } from './package.ts'
import type { Session } from './session.ts'
import { processTerminal } from './terminal.ts'

/** The grammar of the command line, from the table of commands. */

/** Parses, runs, and answers the exit code. Throws `Failure`; anything else that it throws is a bug. */
export async function runProgram(typed: readonly string[], environment: Environment = readEnvironment()): Promise<number> {
  const argv = commandFirst(typed)
  let code: number = EXIT.done
  const program = programOf(environment, (answer) => {
    code = answer
  })
  if (argv.length === 0) program.outputHelp()
  else {
    try {
      await program.parseAsync([...inFull(argv)], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      if (error.exitCode === 0) return EXIT.done
      throw usage(sentence(error.message), hint(environment, argv, error))
    }
  }
  return code
}

const sentence = (message: string): string => message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')

function hint({ program }: Environment, [first = '', ...rest]: readonly string[], error: CommanderError): string {
  const command = COMMANDS.find(({ name }) => name === first)
  const files =
    command?.options.includes(FILES) && error.code === 'commander.excessArguments' && rest.filter((word) => !word.startsWith('-'))
  if (files) return `files are named with -f: ${program} ${first} ${files.map((file) => `-f ${file}`).join(' ')}`
  // An option that nobody knows here belongs to the command that is to be run there.
  if (command?.arguments.endsWith('[command...]') && error.code === 'commander.unknownOption')
    return `put -- before the command, as in ${program} ${command.examples.find((example) => example.includes(' -- ')) ?? command.name}`
  if (first.startsWith('-')) return `an option of a command stands behind it: ${program} COMMAND --help`
  const like = command && error.code === 'commander.missingArgument' ? `, as in ${program} ${command.examples[0]}` : ''
  return `${program} ${command ? `${command.name} ` : ''}--help shows how${like}`
}

/** `help`, and `help COMMAND`, are other words for `--help`. */
function inFull(argv: readonly string[]): readonly string[] {
  const [first, asked] = argv
  if (first !== 'help') return argv
  return asked === undefined ? ['--help'] : COMMANDS.some(({ name }) => name === asked) ? [asked, '--help'] : [asked]
}

function programOf(environment: Environment, finish: (code: number) => void): Command {
  const { program: name } = environment
  const program = new Command(name)
    .description('Workspaces for developers and agents, declared as resources and kept by a reconciler.')
    .usage('COMMAND [options]')
    .helpOption('-h, --help', 'show this')
    .version(`bothy ${programVersion()}`, '-v, --version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({ visibleOptions: () => [], subcommandTerm: (command) => command.name() })
    .addHelpText(
      'after',
      `\nFirst steps: ${name} up, and in another terminal ${name} get workspaces.\nEach command explains itself: ${name} COMMAND --help\nWhom to talk to may stand before it: ${name} --context prod -n team get ws`,
    )
  for (const group of GROUPS) {
    program.commandsGroup(group)
    for (const spec of COMMANDS.filter((each) => each.group === group)) program.addCommand(commandOf(spec, environment, finish))
  }
  return program
}

function commandOf(spec: CommandSpec, environment: Environment, finish: (code: number) => void): Command {
  const { program: name } = environment
  const command = new Command(spec.name)
    .summary(spec.summary)
    .description(`${capital(spec.summary)}.${spec.more ? `\n${spec.more}` : ''}`)
    .helpOption('-h, --help', 'show this')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  ${name} ${example}`).join('\n')}`)
  if (spec.arguments) command.arguments(spec.arguments)
  for (const option of optionsIn(spec)) command.addOption(optionOf(option))
  return command.action(async () => {
    const options = optionsOf(command.opts())
    const { run } = await spec.load()
    finish(await run(await sessionOf(spec, environment, options), command.args, options))
  })
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function optionOf({ flags, help, default: otherwise, repeats, choices }: OptionSpec): Option {
  const option = new Option(flags, help)
  if (choices) option.choices([...choices])
  if (repeats) option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value])
  return otherwise === undefined ? option : option.default(otherwise)
}

async function sessionOf(spec: CommandSpec, environment: Environment, options: Options): Promise<Session> {
  const terminal = processTerminal(environment, options.flag('quiet'))
  const text = (name: string) => options.text(name)
  const given = {
    url: text('url'),
    token: text('token'),
    kubeconfig: text('kubeconfig'),
    context: text('context'),
    serviceAccount: text('serviceAccount'),
  }
  const home = await findHome(environment, given, systemClock)
  let interruption: AbortController | null = null
  return {
    environment,
    terminal,
    clock: systemClock,
    command: spec.name,
    namespace: options.text('namespace') ?? home.namespace,
    output: options.text('output'),
    homeFlags: home.flags,
    client: home.client,
    interrupted() {
      if (!interruption) {
        const first = new AbortController()
        interruption = first
        process.once('SIGINT', () => first.abort())
      }
      return interruption.signal
    },
  }
}
