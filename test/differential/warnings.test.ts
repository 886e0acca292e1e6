import { afterAll, describe, expect, test } from 'vitest'
import { noCluster, theCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { realServer, standaloneServer, type Server } from './harness/server.ts'

/** Warnings are headers, and headers are bytes: both servers send the same ones. */

const CASES: Readonly<Record<string, readonly string[]>> = {
  'a letter of Latin-1': ['É'],
  'letters beyond': ['日本', '🏔'],
  'what is quoted': ['"', '\\', '\\"'],
  'what would end a header': ['a\r\nset-cookie: x', 'b\tc', '\u0085', 'plain'],
  'many short ones': Array.from({ length: 45 }, (_, at) => `f${at}`),
  'a long one alone': ['l'.repeat(1000)],
  'long ones, until it is too much': Array.from({ length: 40 }, (_, at) => `${at}`.padStart(3, '0').repeat(170)),
  'short ones, and then long ones': [...Array.from({ length: 20 }, (_, at) => `a${at}`), ...[...'vwxyz'].map((one) => one.repeat(1000))],
}

describe.skipIf(noCluster !== null)(`warnings${noCluster ? ` (skipped: ${noCluster})` : ''}`, async () => {
  const servers = noCluster === null ? await both() : []

  test.for(Object.entries(CASES))('%s', async ([, fields]) => {
    const spec = Object.fromEntries(fields.map((field) => [field, 1]))
    const body = JSON.stringify({ apiVersion: 'bothy.dev/v1alpha1', kind: 'Owner', metadata: { name: 'warned' }, spec })
    const [real, ours] = await Promise.all(
      servers.map(async (server) => {
        const path = `/apis/bothy.dev/v1alpha1/owners?dryRun=All&fieldValidation=Warn`
        const answer = await server.open('POST', path, { 'content-type': 'application/json' }, body)
        answer.resume()
        return { code: answer.statusCode, warnings: answer.headersDistinct['warning'] }
      }),
    )
    expect(real).toMatchObject({ code: 201, warnings: expect.arrayContaining([expect.stringMatching(/^299 - "unknown field/)]) })
    expect(ours).toEqual(real)
  })
})

async function both(): Promise<readonly Server[]> {
  const [cluster, { db }] = await Promise.all([theCluster(), withDatabase()])
  const standalone = await standaloneServer(db)
  afterAll(() => standalone.close())
  return [realServer(cluster.kubeconfig), standalone]
}
