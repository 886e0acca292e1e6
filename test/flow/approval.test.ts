import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome, type Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

interface Workspace {
  readonly status: {
    readonly state: string
    readonly plan?: {
      readonly digest: string
      readonly add: number
      readonly change: number
      readonly destroy: number
      readonly addresses: string[]
    }
    readonly build: { readonly number: number; readonly reason: string; readonly phase: string }
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
  }
}

const workspaceWhen = (home: Home, isIt: (seen: Workspace) => boolean) =>
  until(
    'the workspace to be so',
    async () => {
      const seen = await home.json<Workspace>('get', 'workspace', 'dev')
      if (isIt(seen)) return seen
      throw new Error(JSON.stringify(seen.status))
    },
    { everyMs: 100 },
  )

const is = ({ status }: Workspace, type: string) => status.conditions.find((one) => one.type === type)?.status === 'True'

/** What both files of the example say, changed. */
function change(home: Home, file: string, from: string, to: string): void {
  const path = join(home.folder, file)
  const text = readFileSync(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
  writeFileSync(path, text.replace(from, to))
}

test('a change waits for a person, who agrees to exactly what was shown', async () => {
  const home = temporaryHome()
  change(home, 'template.yaml', 'spec:\n', 'spec:\n  approval: Plan\n')
  await home.up()
  await workspaceWhen(home, (seen) => is(seen, 'Running'))

  change(home, 'workspace.yaml', 'Hello from YAML', 'Good morning')
  const waits = await workspaceWhen(home, (seen) => is(seen, 'AwaitingApproval'))
  expect(waits.status).toMatchObject({ state: 'Running', build: { number: 1 } })
  expect(waits.status.plan).toMatchObject({ add: 0, change: 1, destroy: 0, addresses: ['bothy_process.dev[0]'] })
  expect(JSON.stringify(waits.status)).not.toContain('Good morning')
  const said = await home.run(['why', 'workspace/dev'])
  expect(said.stdout).toContain('bothy approve dev')
  // What runs goes on meanwhile, as it is.
  expect((await home.run(['exec', 'dev', '--', 'sh', '-c', 'echo $GREETING'])).stdout).toBe('Hello from YAML\n')

  const nobody = await home.run(['approve', 'dev'])
  expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('--plan DIGEST or --yes')])
  const other = await home.run(['approve', 'dev', '--plan', '0'.repeat(12)])
  expect([other.code, other.stderr]).toEqual([4, expect.stringContaining('the plan that waits is sha256:')])

  // Another change makes another plan: what was looked at before counts no more.
  change(home, 'workspace.yaml', 'Good morning', 'Good evening')
  const anew = await workspaceWhen(home, ({ status }) => status.plan !== undefined && status.plan.digest !== waits.status.plan?.digest)
  const late = await home.run(['approve', 'dev', '--plan', waits.status.plan?.digest ?? ''])
  expect(late.code).toBe(4)

  const short = (anew.status.plan?.digest ?? '').slice('sha256:'.length, 'sha256:'.length + 12)
  const agreed = await home.run(['approve', 'dev', '--plan', short])
  expect([agreed.code, agreed.stdout]).toEqual([0, expect.stringContaining('is agreed to')])
  const built = await workspaceWhen(home, (seen) => seen.status.build.number === 2 && is(seen, 'Ready'))
  expect(built.status.plan).toBeUndefined()
  expect((await home.run(['exec', 'dev', '--', 'sh', '-c', 'echo $GREETING'])).stdout).toBe('Good evening\n')
  const nothing = await home.run(['approve', 'dev', '--yes'])
  expect(nothing.code).toBe(4)
  // What was agreed to was that start: it stops, starts as it was, and goes.
  expect((await home.run(['stop', 'dev'])).code).toBe(0)
  expect((await home.run(['start', 'dev'])).code).toBe(0)
  expect((await home.run(['exec', 'dev', '--', 'sh', '-c', 'echo $GREETING'])).stdout).toBe('Good evening\n')
  // Where the time of what was carried out went.
  const { stdout } = await home.run(['logs', 'dev', '--timings'])
  expect(stdout).toMatch(/^STAGE +TOOK\n(.*\n)*Starting +\d+/)
  expect(stdout).toMatch(/\nbothy_process\.dev\[0\] +create +\d+/)
})

test('where only what outlives a stop counts, nobody is asked about the rest', async () => {
  const home = temporaryHome()
  change(home, 'template.yaml', 'spec:\n', 'spec:\n  approval: PlanIfDestroys\n')
  const disk = 'resource "terraform_data" "disk" {\n  triggers_replace = length(data.coder_parameter.greeting.value) > 20\n}\n\n'
  change(home, 'hello/main.tf', '# The agent runs inside', `${disk}# The agent runs inside`)
  await home.up()
  await workspaceWhen(home, (seen) => is(seen, 'Running'))

  change(home, 'workspace.yaml', 'Hello from YAML', 'Good morning')
  const built = await workspaceWhen(home, (seen) => seen.status.build.number === 2 && is(seen, 'Ready'))
  expect(built.status.build).toMatchObject({ reason: 'Updated', phase: 'Succeeded' })

  change(home, 'workspace.yaml', 'Good morning', 'Good morning to each and all of you')
  const waits = await workspaceWhen(home, (seen) => is(seen, 'AwaitingApproval'))
  expect(waits.status.plan).toMatchObject({ add: 1, destroy: 1 })
  expect((await home.run(['why', 'workspace/dev'])).stdout).toContain('What outlives a stop would be lost: terraform_data.disk.')

  // Taken back, it is as it was built, and nothing is left to agree to.
  change(home, 'workspace.yaml', 'Good morning to each and all of you', 'Good morning')
  const back = await workspaceWhen(home, (seen) => is(seen, 'Ready') && !is(seen, 'AwaitingApproval'))
  expect(back.status.build.number).toBe(2)
})
