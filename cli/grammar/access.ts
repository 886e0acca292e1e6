import { JSON_OUTPUT, type CommandSpec } from '../command-spec.ts'

/** Who else may talk to a standalone, and with what. */

export const ACCESS: readonly CommandSpec[] = [
  {
    name: 'kubeconfig',
    arguments: '',
    group: 'Run a control plane:',
    summary: 'print how kubectl finds the control plane of this machine',
    more: 'bothy up writes a kubeconfig into its state folder, and touches no other. --merge adds it, as the context bothy, to the one that kubectl uses: what is there stays byte by byte, the current context too, and a copy is kept.',
    options: [
      { flags: '--merge', help: 'add it to the kubeconfig that kubectl uses' },
      { flags: '--kubeconfig <file>', help: 'add it to this one (default KUBECONFIG, then ~/.kube/config)' },
      JSON_OUTPUT,
    ],
    offline: true,
    examples: ['kubeconfig', 'kubeconfig --merge'],
    load: () => import('../kubeconfig.ts'),
  },
  {
    name: 'token',
    arguments: '<action> [name]',
    group: 'Run a control plane:',
    summary: 'create, list or revoke tokens for people and scripts',
    more: 'A token is shown once, when it is made. It may what its scope says: read looks at everything but Secrets; use asks for starts and stops, and enters workspaces; workspaces makes and changes them; declare writes everything. Each has what the ones before it have. It works as BOTHY_TOKEN and with kubectl --token.\nRevoking one closes whatever is open with it, at once. In a cluster, kubectl create token makes tokens.',
    options: [
      { flags: '--scope <scope>', help: 'what it may', choices: ['read', 'use', 'workspaces', 'declare'], default: 'read' },
      { flags: '--only <namespace>', help: 'only in this namespace (default: in every one)', repeats: true },
      { flags: '--expires <duration>', help: 'how long it is good for, or never', default: '90d' },
      JSON_OUTPUT,
    ],
    examples: ['token create ci --scope workspaces --only default --expires 30d', 'token list', 'token revoke ci'],
    load: () => import('../token.ts'),
  },
]
