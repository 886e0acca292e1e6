import { JSON_OUTPUT, PORT, STATE, type CommandSpec } from '../command-spec.ts'

/** About this program and this machine. */

export const PROGRAM: readonly CommandSpec[] = [
  {
    name: 'doctor',
    arguments: '',
    group: 'This program:',
    summary: 'check this machine, and say how to fix what is wrong',
    options: [STATE, PORT, JSON_OUTPUT],
    examples: ['doctor'],
    load: () => import('../doctor.ts'),
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
    load: () => import('../completion.ts'),
  },
  {
    name: 'version',
    arguments: '',
    group: 'This program:',
    summary: 'print the version, and which control plane it talks to',
    options: [JSON_OUTPUT],
    examples: ['version', 'version -o json'],
    load: () => import('../version.ts'),
  },
]
