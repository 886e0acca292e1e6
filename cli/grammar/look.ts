import { JSON_OUTPUT, NAMESPACE, output, SELECTOR, TIMEOUT, type CommandSpec } from '../command-spec.ts'

/** Everything that shows what is. */

export const LOOK: readonly CommandSpec[] = [
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
    examples: ['get workspaces', 'get ws dev -o yaml', 'get templates,workspaces', 'get templates -A -w'],
    load: () => import('../get.ts'),
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
    load: () => import('../wait.ts'),
  },
  {
    name: 'why',
    arguments: '<object>',
    group: 'Look at what is:',
    summary: 'say what an object wants, what holds it, and until when',
    options: [NAMESPACE, JSON_OUTPUT],
    examples: ['why workspace/dev', 'why template/hello -o json'],
    load: () => import('../why.ts'),
  },
  {
    name: 'simulate',
    arguments: '<object>',
    group: 'Look at what is:',
    summary: 'say when a workspace would start and stop, and why',
    more: 'The same rules against a moving clock, as if nobody used it, asked for anything or changed what is declared.',
    options: [{ flags: '--until <instant>', help: 'until then: +7d, or 2026-11-28T00:00:00Z', default: '+7d' }, NAMESPACE, JSON_OUTPUT],
    examples: ['simulate workspace/dev', 'simulate workspace/dev --until +30d -o json'],
    load: () => import('../simulate.ts'),
  },
  {
    name: 'logs',
    arguments: '<name>',
    group: 'Look at what is:',
    summary: "print a workspace's build log",
    options: [
      { flags: '-b, --build <number>', help: 'of that build (default: the newest)' },
      { flags: '-f, --follow', help: 'go on as long as the build does' },
      { flags: '--timings', help: 'how long each stage and each resource took' },
      NAMESPACE,
      JSON_OUTPUT,
    ],
    examples: ['logs dev', 'logs dev -f', 'logs dev --build 3 --timings'],
    load: () => import('../logs.ts'),
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
    load: () => import('../events.ts'),
  },
]
