import { expect, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { createWorld } from '../provision/world.ts'

const { db } = await withDatabase()

const pod = (body: string) => ({
  'main.tf': `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "bothy_pod" "main" {
  agent_id = bothy_agent.main.id
  image    = "debian"
  ${body}
}
`,
})

test('without a cluster a pod is refused when its template is imported, with what to use instead', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const job = await world.ended(await world.importOf(await world.template(pod(''))))
  expect(job.error).toMatch(/main\.tf:\d+:\d+: No Kubernetes cluster.*Use bothy_container or bothy_process/)
})

test('what makes no sense in a pod is said at its attribute', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const said = async (body: string) => (await world.ended(await world.importOf(await world.template(pod(body))))).error
  expect(await said('memory_limit = "much"')).toMatch(/attribute memory_limit\).*a quantity like 500m or 2Gi/)
  expect(await said('args = ["-x"]')).toContain('Arguments without a command')
  expect(await said('labels = { "bothy.dev/workspace" = "x" }')).toContain('must not have keys of bothy.dev')
})
