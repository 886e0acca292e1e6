import { HOME_OPTIONS, NAMESPACE, QUIET } from './command-spec.ts'
import { usage } from './failure.ts'
import { COMMANDS } from './grammar.ts'

/** What may also stand before the command, where people of kubectl have it: `bothy --context prod -n team exec dev`. */
export const BEFORE_COMMAND = [NAMESPACE, QUIET, ...HOME_OPTIONS]

const BEFORE = BEFORE_COMMAND.map(({ flags }) => ({
  names: flags.split(/[, ]+/).filter((word) => word.startsWith('-')),
  takesValue: flags.includes('<'),
}))

/** Those that take the next word as well. */
export const VALUED_BEFORE: readonly string[] = BEFORE.flatMap(({ names, takesValue }) => (takesValue ? names : []))

/** The same line with the command first: the options are the command's, and one that has no use for them refuses them. Throws `Failure`. */
export function commandFirst(argv: readonly string[]): readonly string[] {
  let at = 0
  while (wordsOf(argv[at]) > 0) at += wordsOf(argv[at])
  if (at > argv.length) throw usage(`nothing follows ${argv.at(-1)}`, 'say which one, and then the command')
  const [command, ...rest] = argv.slice(at)
  const isCommand = COMMANDS.some(({ name }) => name === command)
  return command !== undefined && isCommand ? [command, ...argv.slice(0, at), ...rest] : argv.slice(at)
}

/** How many words an option takes that begins with this one; 0: it is none of these. */
function wordsOf(word = ''): number {
  const option = BEFORE.find(({ names, takesValue }) =>
    names.some((name) => word === name || (takesValue && word.startsWith(joined(name)))),
  )
  if (!option) return 0
  return option.takesValue && option.names.includes(word) ? 2 : 1
}

/** How a word begins that has the value in it: `--context=prod`, `-nteam`. */
const joined = (name: string): string => (name.startsWith('--') ? `${name}=` : name)
