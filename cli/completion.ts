import { KINDS } from '../crds/kinds.ts'
import { BEFORE_COMMAND, VALUED_BEFORE } from './before-command.ts'
import { EXIT, usage } from './failure.ts'
import { optionsIn, type CommandSpec, type OptionSpec } from './command-spec.ts'
import { COMMANDS } from './grammar.ts'
import type { Run } from './session.ts'

/** Scripts for shells, written from the table of commands. */
export const run: Run = async (session, args) => {
  const shell = args[0] ?? ''
  const script = SCRIPTS[shell]
  if (!script) throw usage(`there is no completion for "${shell}"`, `the shells are ${Object.keys(SCRIPTS).join(', ')}`)
  session.terminal.write(script())
  return EXIT.done
}

const SCRIPTS: Readonly<Record<string, () => string>> = { bash, zsh, fish, kubectl }

/** What the first word of these is. */
const ACTIONS: readonly (readonly [command: string, actions: string])[] = [
  ['completion', Object.keys(SCRIPTS).join(' ')],
  ['provider', 'schema install'],
  ['template', 'validate preview versions'],
  ['token', 'create list revoke'],
]

const names = (): string => COMMANDS.map(({ name }) => name).join(' ')
const kinds = (): string => KINDS.flatMap(({ plural, singular }) => [plural, singular]).join(' ')
const longIn = (options: readonly OptionSpec[]): string => options.flatMap(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? []).join(' ')

/** Which commands take a kind first, and which KIND/NAME or the name of a workspace. */
const takesKind = (command: CommandSpec): boolean => command.arguments.startsWith('<kind>')
const takesObject = (command: CommandSpec): boolean => /^[<[]object/.test(command.arguments)
const takesName = (command: CommandSpec): boolean => command.arguments.startsWith('<name>') && command.name !== 'create'

const joined = (test: (command: CommandSpec) => boolean): string =>
  COMMANDS.filter(test)
    .map(({ name }) => name)
    .join('|') || '-'

function cases(): string {
  return COMMANDS.map((command) => `    ${command.name}) options='${longIn(optionsIn(command))}' ;;`).join('\n')
}

function bash(): string {
  return `# bash completion of bothy
_bothy() {
  local current=\${COMP_WORDS[COMP_CWORD]} at=1 before=() word options='' words=''
  COMPREPLY=()
  # What stands before the command; bash takes --context=prod for three words.
  while [ "$at" -lt "$COMP_CWORD" ]; do
    word=\${COMP_WORDS[at]}
    case "$word" in
      ${VALUED_BEFORE.join('|')})
        [ "\${COMP_WORDS[at+1]}" = = ] && at=$((at + 1))
        before+=("$word" "\${COMP_WORDS[at+1]}") at=$((at + 2)) ;;
      -*) before+=("$word") at=$((at + 1)) ;;
      *) break ;;
    esac
  done
  if [ "$at" -ge "$COMP_CWORD" ]; then
    case "$current" in -*) words='${longIn(BEFORE_COMMAND)}' ;; *) words='${names()}' ;; esac
    [ "$at" -eq "$COMP_CWORD" ] && COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  local command=\${COMP_WORDS[at]} nth=$((COMP_CWORD - at))
  case "$command" in
${cases()}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;;
  esac
  case "$command" in
    ${joined(takesKind)}) [ "$nth" -eq 1 ] && words='${kinds()}' ;;
    ${joined(takesObject)}) words=$(for kind in workspace template; do bothy "\${before[@]}" get "$kind" -o name -q 2>/dev/null; done) ;;
    ${joined(takesName)}) words=$(bothy "\${before[@]}" get workspaces -o name -q 2>/dev/null | sed 's,.*/,,') ;;
${ACTIONS.map(([name, actions]) => `    ${name}) [ "$nth" -eq 1 ] && words='${actions}' ;;`).join('\n')}
  esac
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); else COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -F _bothy bothy
`
}

/** zsh runs the same function through its own bash mode. */
function zsh(): string {
  return `#compdef bothy
autoload -U +X bashcompinit && bashcompinit
${bash()}`
}

/** What kubectl asks for the words of its plugin: a program `kubectl_complete-bothy` on the PATH, given all that is typed so far. */
function kubectl(): string {
  return `#!/bin/sh
# Completion of kubectl bothy: put this on your PATH as kubectl_complete-bothy.
words='' before=''
while [ $# -gt 1 ]; do
  case "$1" in
    ${VALUED_BEFORE.join('|')}) [ $# -gt 2 ] || { echo :4; exit; }; before="$before $1 $2"; shift 2 ;;
    -*) before="$before $1"; shift ;;
    *) break ;;
  esac
done
command=$1
eval "current=\\\${$#}"
if [ $# -le 1 ]; then
  case "$current" in -*) words='${longIn(BEFORE_COMMAND)}' ;; *) words='${names()}' ;; esac
else
  options=''
  case "$command" in
${cases()}
  esac
  case "$current" in
    -*) words=$options ;;
    *)
      case "$command" in
        ${joined(takesKind)}) [ $# -eq 2 ] && words='${kinds()}' ;;
        ${joined(takesObject)}) words=$(for kind in workspace template; do kubectl bothy $before get "$kind" -o name -q 2>/dev/null; done) ;;
        ${joined(takesName)}) words=$(kubectl bothy $before get workspaces -o name -q 2>/dev/null | sed 's,.*/,,') ;;
${ACTIONS.map(([name, actions]) => `        ${name}) [ $# -eq 2 ] && words='${actions}' ;;`).join('\n')}
      esac ;;
  esac
fi
for word in $words; do
  case "$word" in "$current"*) echo "$word" ;; esac
done
echo :4
`
}

const seen = (name: string): string => `__fish_seen_subcommand_from ${name}`
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function fishOption(when: string, { flags, help }: OptionSpec): string {
  const short = /(?:^|, )-([a-zA-Z])\b/.exec(flags)?.[1]
  const long = /--([a-z-]+)/.exec(flags)?.[1]
  return `complete -c bothy -n ${when}${short ? ` -s ${short}` : ''}${long ? ` -l ${long}` : ''} -d ${quoted(help)}`
}

function fish(): string {
  const none = '__fish_use_subcommand'
  return [
    '# fish completion of bothy',
    ...COMMANDS.map(({ name, summary }) => `complete -c bothy -n ${none} -f -a ${name} -d ${quoted(summary)}`),
    ...BEFORE_COMMAND.map((option) => fishOption(none, option)),
    ...COMMANDS.flatMap((command) => optionsIn(command).map((option) => fishOption(quoted(seen(command.name)), option))),
    ...COMMANDS.filter(takesKind).map(({ name }) => `complete -c bothy -n ${quoted(seen(name))} -f -a ${quoted(kinds())}`),
    ...ACTIONS.map(
      ([name, actions]) => `complete -c bothy -n ${quoted(`${seen(name)}; and not ${seen(actions)}`)} -f -a ${quoted(actions)}`,
    ),
    ...COMMANDS.filter(takesName).map(
      ({ name }) =>
        `complete -c bothy -n ${quoted(seen(name))} -f -a "(bothy get workspaces -o name -q 2>/dev/null | string replace -r '.*/' '')"`,
    ),
    '',
  ].join('\n')
}
