import { NAMESPACE, output, type CommandSpec } from '../command-spec.ts'

/** About templates before and after they are imported. */

export const TEMPLATE: readonly CommandSpec[] = [
  {
    name: 'template',
    arguments: '<what> <template>',
    group: 'Look at what is:',
    summary: 'validate or preview a template, or list its versions',
    more: 'validate FOLDER says what an import of the folder would find, each mistake as\nfile:line:column, and ends with 1 if there is any. It needs terraform, and no\ncontrol plane. preview FOLDER and preview NAME tell what is asked with these\nanswers, as a form would show it. versions NAME lists what is kept.',
    options: [
      { flags: '--param <name=value>', help: 'an answer, for preview', repeats: true },
      { flags: '--preset <name>', help: 'a named set of answers, for preview' },
      { flags: '--var <name=value>', help: "an input variable, as a Template's spec.variables", repeats: true },
      { flags: '--digest <digest>', help: 'of that version (default: the active one)' },
      NAMESPACE,
      output(['text', 'json'], 'how to answer', 'text'),
    ],
    examples: [
      'template validate ./node',
      'template preview ./node --param size=large',
      'template preview node --preset big -o json',
      'template versions node',
    ],
    load: () => import('../template.ts'),
  },
]
