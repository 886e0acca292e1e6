import { DRY_RUN, NAMESPACE, type CommandSpec, type OptionSpec } from '../command-spec.ts'

/** Everything that goes into a workspace. */

const NO_START: OptionSpec = { flags: '--no-start', help: 'do not start a workspace that is stopped' }

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
  {
    name: 'ssh',
    arguments: '<name> [command...]',
    group: 'Enter a workspace:',
    summary: "enter a workspace with this machine's own ssh",
    more: 'NAME is a workspace, or workspace.agent. One that is stopped is started first.',
    options: [
      NAMESPACE,
      NO_START,
      { flags: '-L, --local <spec>', help: 'lead a port of this machine there, as ssh -L does', repeats: true },
      { flags: '-R, --remote <spec>', help: 'lead a port of the workspace here, as ssh -R does', repeats: true },
      { flags: '-D, --dynamic <port>', help: 'a SOCKS proxy into the workspace, as ssh -D does', repeats: true },
      { flags: '-A, --forward-agent', help: 'let the workspace use the keys of your ssh agent' },
      { flags: '-N, --only-forward', help: 'run nothing, only forward' },
      { flags: '-t, --tty', help: 'give a command a terminal' },
      { flags: '-T, --without-tty', help: 'give a shell no terminal' },
      { flags: '-i, --identity <file>', help: 'passed on; keys are not asked for', repeats: true },
      { flags: '-o, --option <name=value>', help: 'any other option of ssh', repeats: true },
      { flags: '--verbose', help: 'let ssh say what it does' },
      { flags: '--stdio', help: 'only the bytes, on stdin and stdout: what ssh itself starts' },
    ],
    examples: ['ssh dev', 'ssh dev -- make test', 'ssh dev.main -L 8080:localhost:80', 'ssh dev -A -- git fetch'],
    load: () => import('../ssh.ts'),
  },
  {
    name: 'cp',
    arguments: '<path...>',
    group: 'Enter a workspace:',
    summary: 'copy files and folders into a workspace, or out of one',
    more: 'WORKSPACE:PATH or WORKSPACE.AGENT:PATH, relative to the home folder; - is\nstdin or stdout. Modes and times are kept. A file appears when it is\nwhole: what breaks off leaves nothing half done.',
    options: [NAMESPACE, { flags: '-r, --recursive', help: 'copy folders with everything in them' }],
    examples: ['cp notes.txt dev:', 'cp -r dev:project/dist .', 'cp a b dev:src/', 'cp dev:/etc/hosts -'],
    load: () => import('../cp.ts'),
  },
  {
    name: 'port-forward',
    arguments: '<name> <port...>',
    group: 'Enter a workspace:',
    summary: 'lead ports of this machine into a workspace',
    more: 'HERE:THERE; without HERE the same port, with only a colon any that is free.\nEither may be the path of a unix socket. Stays through restarts of the\ncontrol plane; Ctrl-C ends it.',
    options: [
      NAMESPACE,
      NO_START,
      { flags: '--address <address>', help: 'the address of this machine to listen on', default: '127.0.0.1' },
    ],
    examples: [
      'port-forward dev 8080:80 9090',
      'port-forward dev :5432',
      'port-forward dev 2375:/run/docker.sock',
      'port-forward dev 8080:db.internal:80',
    ],
    load: () => import('../port-forward.ts'),
  },
  {
    name: 'config-ssh',
    arguments: '',
    group: 'Enter a workspace:',
    summary: 'teach ssh, scp, rsync and editors every workspace',
    more: 'They are then dev.bothy and main.dev.bothy, and outside the default\nnamespace dev.team.ns.bothy. Your own lines are kept as they are.',
    options: [
      DRY_RUN,
      { flags: '--remove', help: 'take it back' },
      { flags: '--file <path>', help: 'the file to write (default ~/.ssh/config)' },
    ],
    examples: ['config-ssh', 'config-ssh --dry-run', 'config-ssh --remove'],
    load: () => import('../config-ssh.ts'),
  },
]
