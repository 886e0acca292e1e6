import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Variables } from '../../provider/launched-environment.ts'
import { START, values } from './environments.ts'
import { oracle } from './provider.ts'
import { openSide, REQUIRED, type Which } from './sides.ts'

/** What a build gives that a template cannot take: both refuse it at the same block, and agree on what is fine. */

const found = await oracle()
const skipped = 'missing' in found ? found.missing : null

interface Case {
  readonly name: string
  /** Of the parameter, beside its name. */
  readonly config: string
  readonly value: string
  readonly previous?: string
  /** null: taken. */
  readonly about: RegExp | null
}

const OPTIONS = ['a', 'b'].map((each) => `  option {\n    name  = "${each}"\n    value = "${each}"\n  }\n`).join('')
const rules = (text: string): string => `  validation {\n    ${text}\n  }\n`
const NUMBER = '  type    = "number"\n  mutable = true\n'
const LIST = '  type = "list(string)"\n'
const MULTI = `${LIST}  form_type = "multi-select"\n${OPTIONS}`

const CASES: readonly Case[] = [
  { name: 'number', config: NUMBER, value: 'many', about: /number/ },
  { name: 'number-empty', config: NUMBER, value: '', about: /number/ },
  { name: 'number-fraction', config: NUMBER, value: '1.5', about: null },
  { name: 'number-exponent', config: NUMBER, value: '1e3', about: null },
  { name: 'number-negative', config: NUMBER, value: '-7', about: null },
  { name: 'number-spaces', config: NUMBER, value: ' 7', about: /number/ },
  { name: 'whole', config: NUMBER + rules('min = 1'), value: '1.5', about: /1\.5/ },
  { name: 'least', config: NUMBER + rules('min = 2'), value: '1', about: /1.*2|2.*1/s },
  { name: 'least-zero', config: NUMBER + rules('min = 0'), value: '-1', about: /-1|0/ },
  { name: 'least-met', config: NUMBER + rules('min = 2'), value: '2', about: null },
  { name: 'most', config: NUMBER + rules('max = 2'), value: '3', about: /3.*2|2.*3/s },
  { name: 'most-words', config: NUMBER + rules('max = 2\n    error = "{value} over {max}"'), value: '3', about: /3 over 2/ },
  { name: 'rising', config: NUMBER + rules('monotonic = "increasing"'), value: '3', previous: '4', about: /3.*4|4.*3/s },
  { name: 'rising-same', config: NUMBER + rules('monotonic = "increasing"'), value: '4', previous: '4', about: null },
  { name: 'rising-first', config: NUMBER + rules('monotonic = "increasing"'), value: '4', about: null },
  { name: 'rising-repaired', config: NUMBER + rules('monotonic = "increasing"'), value: '4', previous: 'x', about: null },
  { name: 'falling', config: NUMBER + rules('monotonic = "decreasing"'), value: '5', previous: '4', about: /5.*4|4.*5/s },
  { name: 'bool', config: '  type = "bool"\n', value: 'yes', about: /bool|true or false/ },
  { name: 'bool-true', config: '  type = "bool"\n', value: 'true', about: null },
  { name: 'list', config: LIST, value: 'a,b', about: /list of strings/ },
  { name: 'list-of-numbers', config: LIST, value: '[1]', about: /list of strings/ },
  { name: 'list-empty', config: LIST, value: '[]', about: null },
  { name: 'option', config: OPTIONS, value: 'c', about: /"c"/ },
  { name: 'option-empty', config: OPTIONS, value: '', about: /option|offer/ },
  { name: 'option-met', config: OPTIONS, value: 'b', about: null },
  { name: 'several', config: MULTI, value: '["a","z"]', about: /z/ },
  { name: 'several-none', config: MULTI, value: '[]', about: null },
  { name: 'several-plain', config: MULTI, value: 'a', about: /list of strings/ },
  { name: 'pattern', config: rules('regex = "^a"\n    error = "begin with a"'), value: 'b', about: /begin with a/ },
  { name: 'pattern-met', config: rules('regex = "a"\n    error = "begin with a"'), value: 'bab', about: null },
]

const parametersOf = (cases: readonly Case[]): string =>
  cases.map(({ name, config }) => `data "coder_parameter" "${name}" {\n  name = "${name}"\n${config}}\n`).join('')

const CONTRACT: readonly (readonly [name: string, text: string, variables: Variables, about: RegExp])[] = [
  ['groups', 'data "coder_workspace_owner" "me" {}\n', { CODER_WORKSPACE_OWNER_GROUPS: '{' }, /groups/i],
  ['roles', 'data "coder_workspace_owner" "me" {}\n', { CODER_WORKSPACE_OWNER_RBAC_ROLES: 'admin' }, /roles/i],
  ['template id', 'data "coder_workspace" "me" {}\n', { CODER_WORKSPACE_TEMPLATE_ID: '' }, /template/i],
  ['template version', 'data "coder_workspace" "me" {}\n', { CODER_WORKSPACE_TEMPLATE_VERSION: '' }, /template/i],
  ['url', 'provider "coder" {\n  url = ""\n}\ndata "coder_workspace" "me" {}\n', {}, /empty/],
]

/** What terraform says of errors, by the address each is about. */
async function refusals(which: Which, mirror: string, text: string, variables: Variables): Promise<ReadonlyMap<string, string>> {
  const side = await openSide(which, mirror, (folder) => writeFile(join(folder, 'main.tf'), REQUIRED + text))
  try {
    await side.must('init')
    await side.as(variables)
    const { stdout } = await side.run('plan', '-input=false', '-json')
    const lines: readonly { diagnostic?: { severity: string; summary: string; detail?: string; address?: string } }[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const errors = lines.flatMap(({ diagnostic }) => (diagnostic?.severity === 'error' ? [diagnostic] : []))
    return new Map(errors.map(({ address = '', summary, detail = '' }) => [address, `${summary}\n${detail}`]))
  } finally {
    await side.close()
  }
}

describe.skipIf(skipped !== null)(`what a build gives${skipped ? ` (skipped: ${skipped})` : ''}`, async () => {
  if ('missing' in found) return
  const given: Variables = {
    ...START,
    ...values('CODER_PARAMETER', Object.fromEntries(CASES.map(({ name, value }) => [name, value]))),
    ...values(
      'CODER_PARAMETER_PREVIOUS',
      Object.fromEntries(CASES.flatMap(({ name, previous }) => (previous === undefined ? [] : [[name, previous]]))),
    ),
  }
  const both = (text: string, variables: Variables) =>
    Promise.all([refusals('reference', found.mirror, text, variables), refusals('ours', found.mirror, text, variables)])
  const [reference, ours] = await both(parametersOf(CASES), given)

  test.each(CASES)('$name', ({ name, about }) => {
    const address = `data.coder_parameter.${name}`
    const said = [reference.get(address), ours.get(address)]
    if (about === null) expect(said).toEqual([undefined, undefined])
    else for (const each of said) expect(each).toMatch(about)
  })

  test.each(CONTRACT)('of the contract: %s', async (_, text, variables, about) => {
    const [theirs, mine] = await both(text, { ...START, ...variables })
    for (const each of [theirs, mine]) expect([...each.values()].join('\n')).toMatch(about)
  })
})
