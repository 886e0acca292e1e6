import { Agent, Duration, Env, Parameter, Process, Provisioner, Script, template, Workspace, type TerraformStack } from 'bothy/constructs'
import { EDITORS, TOOLS, type Editor } from './choices.ts'

/** What a workspace may choose from, once for people and once for the form. */
const choice = (stack: TerraformStack, name: string, editors: readonly Editor[]): Parameter =>
  new Parameter(stack, name, {
    name,
    displayName: 'Editor',
    description: 'What opens when a program wants a text from you.',
    default: editors[0]?.command ?? 'vi',
    mutable: true,
    option: editors.map(({ title, command }) => ({ name: title, value: command })),
  })

template((stack) => {
  const workspace = new Workspace(stack, 'me')
  const here = new Provisioner(stack, 'here')
  const editor = choice(stack, 'editor', EDITORS)
  const tools = new Parameter(stack, 'tools', {
    name: 'tools',
    displayName: 'Tools',
    description: 'Named in the file that greets you.',
    type: 'list(string)',
    formType: 'multi-select',
    default: JSON.stringify(TOOLS.slice(0, 1)),
    mutable: true,
    option: TOOLS.map((name) => ({ name, value: name })),
  })

  const agent = new Agent(stack, 'main', {
    os: here.os,
    arch: here.arch,
    connectionTimeout: Duration.minutes(2),
    metadata: [{ key: 'home', displayName: 'Home', script: 'du -sh "$HOME" | cut -f1', interval: Duration.minutes(1) }],
  })

  for (const [name, value] of Object.entries({ EDITOR: editor.value, VISUAL: editor.value, TOOLS: tools.value })) {
    new Env(stack, `env_${name.toLowerCase()}`, { agentId: agent.id, name, value })
  }
  new Script(stack, 'welcome', {
    agentId: agent.id,
    displayName: 'Welcome',
    script: 'printf "%s edits, with %s\\n" "$EDITOR" "$TOOLS" > "$HOME/welcome.txt"',
    runOnStart: true,
  })

  // It exists while the workspace is started and goes when it stops; its home stays.
  new Process(stack, 'dev', { agentId: agent.id, count: workspace.startCount })
})
