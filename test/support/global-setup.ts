import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { startEmbedded } from '../../controller/store/embedded.ts'
import { migrate } from '../../controller/store/migrate.ts'
import { openDb } from '../../controller/store/pool.ts'
import { givenCluster, type GivenCluster } from '../cluster/given/kubeconfig.ts'
import { offerCluster } from '../cluster/host.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The one server of this run, and the migrated database every file's own is cloned from. */
    readonly postgres: { readonly url: string; readonly template: string }
    /** Where a file asks for the run's Kubernetes, which starts with the first that does; or somebody's, which is used instead. */
    readonly cluster: { readonly socket: string; readonly given: GivenCluster | null }
  }
}

const TEMPLATE = 'bothy_template'
/** Four files at a time, of which one may have several control planes with a pool each. */
const SETTINGS = { max_connections: '300' }

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const state = await mkdtemp(join(tmpdir(), 'bothy-test-pg-'))
  const removeState = () => rm(state, { recursive: true, force: true })
  const server = await startEmbedded({ state, clock: systemClock, log: silentLog, settings: SETTINGS }).catch(async (error: unknown) => {
    await removeState()
    throw error
  })
  const remove = async () => {
    await server.close()
    await removeState()
  }
  try {
    await makeTemplate(server.url)
  } catch (error) {
    await remove()
    throw error
  }
  project.provide('postgres', { url: server.url, template: TEMPLATE })
  const { cluster: given, told } = await givenCluster({ environment: process.env, folder: state })
  if (told !== null) process.stderr.write(`${told}\n`)
  const host = await offerCluster()
  project.provide('cluster', { socket: host.socket, given })
  return async () => {
    await host.close()
    await remove()
  }
}

async function makeTemplate(url: string): Promise<void> {
  const options = { log: silentLog, clock: systemClock, max: 1 }
  const admin = openDb(url, options)
  // Nothing here must survive a power cut.
  await admin.query('alter system set fsync = off')
  await admin.query('alter system set full_page_writes = off')
  await admin.query('select pg_reload_conf()')
  await admin.query(`create database ${TEMPLATE}`)
  await admin.close()
  const template = openDb(databaseUrl(url, TEMPLATE), options)
  await migrate(template, silentLog)
  await template.close()
}

export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
