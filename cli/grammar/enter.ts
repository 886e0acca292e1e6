import { NAMESPACE, type CommandSpec } from '../command-spec.ts'

/** Everything that goes into a workspace. */

export const ENTER: readonly CommandSpec[] = [
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
    load: () => import('../exec.ts'),
  },
]
