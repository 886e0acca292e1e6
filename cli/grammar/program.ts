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
    summary: 'print the completion of bash, zsh or fish, or for kubectl',
    options: [],
    examples: [
      'completion bash > ~/.local/share/bash-completion/completions/bothy',
      'completion fish > ~/.config/fish/completions/bothy.fish',
      'completion kubectl > ~/.local/bin/kubectl_complete-bothy',
    ],
    offline: true,
    load: () => import('../completion.ts'),
  },
  {
    name: 'provider',
    arguments: '<action>',
    group: 'This program:',
    summary: 'the Terraform provider by itself: schema, or install',
    more: 'schema prints every type as terraform providers schema -json does. install writes the provider as packages that terraform and tofu install without a registry, and prints the configuration that makes them look there. Templates that a control plane builds need neither: it serves the provider itself.\nA provider that is run by hand takes whose workspace it is from BOTHY_… and CODER_… variables, and makes no machines.',
    options: [{ flags: '--dir <folder>', help: 'where to install (default ~/.local/share/bothy/terraform)' }],
    examples: ['provider install', 'provider install --dir ./mirror >terraformrc', 'provider schema >schema.json'],
    offline: true,
    load: () => import('../provider.ts'),
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
