import { JSON_OUTPUT, NAMESPACE, TIMEOUT, type CommandSpec, type OptionSpec } from '../command-spec.ts'

/** Everything that somebody asks of a workspace once. */

const ASKING: readonly OptionSpec[] = [
  NAMESPACE,
  { flags: '--no-wait', help: 'ask, and do not wait for the answer' },
  TIMEOUT('how long to wait for the answer', '10m'),
  JSON_OUTPUT,
]

/** start, stop and restart differ by a word. */
function request(action: 'start' | 'stop' | 'restart', summary: string, more: string): CommandSpec {
  return {
    name: action,
    arguments: '<name>',
    group: 'Ask for something once:',
    summary,
    more,
    options: ASKING,
    examples: [`${action} dev`, `${action} dev --no-wait`],
    load: () => import('../request.ts'),
  }
}

export const REQUESTS: readonly CommandSpec[] = [
  request('start', 'start a workspace, and follow it until it is running', 'Also wakes one that sleeps. Ctrl-C leaves it starting.'),
  request('stop', 'stop a workspace, and follow it until it is stopped', 'Its home is kept. Ctrl-C leaves it stopping.'),
  request('restart', 'stop a workspace and start it again', 'Both legs are followed. Ctrl-C leaves it at work.'),
  {
    name: 'extend',
    arguments: '<name>',
    group: 'Ask for something once:',
    summary: 'move the deadline of a workspace that is running',
    more: 'Counted from now, so it may come nearer as well: at least half an hour ahead, and\nnever beyond a stop that the template requires.',
    options: [
      { flags: '--until <instant>', help: 'until then: 2026-11-21T18:00:00Z, or +2h' },
      { flags: '--for <duration>', help: 'that long from now, not from the deadline it has' },
      ...ASKING,
    ],
    examples: ['extend dev --for 2h', 'extend dev --until 2026-11-21T18:00:00Z'],
    load: () => import('../request.ts'),
  },
  {
    name: 'hold',
    arguments: '<name>',
    group: 'Ask for something once:',
    summary: 'keep a workspace awake, whether it is used or not',
    more: 'Deadline and idleness wait until then; a stop that the template requires does not. A newer hold replaces it.',
    options: [
      { flags: '--for <duration>', help: 'for so long from now; 0s ends a hold' },
      { flags: '--reason <text>', help: 'what for, shown to others' },
      ...ASKING,
    ],
    examples: ['hold dev --for 2h --reason "a long build"', 'hold dev --for 0s'],
    load: () => import('../request.ts'),
  },
  {
    name: 'approve',
    arguments: '<name>',
    group: 'Ask for something once:',
    summary: 'agree to the plan that a workspace waits with',
    more: 'Shows what would be added, changed and destroyed, and asks. Exactly that plan is carried out, or, when anything changed since, nothing.',
    options: [
      { flags: '--plan <digest>', help: 'only this plan: its digest, or the first 12 digits of it' },
      { flags: '-y, --yes', help: 'the one that waits, without being asked' },
      ...ASKING,
    ],
    examples: ['approve dev', 'approve dev --plan 3f1c2a9b77de'],
    load: () => import('../request.ts'),
  },
  {
    name: 'cancel',
    arguments: '<name>',
    group: 'Ask for something once:',
    summary: "cancel a workspace's build, cleanly",
    options: ASKING,
    examples: ['cancel dev'],
    load: () => import('../request.ts'),
  },
]
