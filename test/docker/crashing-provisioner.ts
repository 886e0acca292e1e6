import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { openDocker, type Docker } from '../../controller/machines/docker.ts'
import { createProvisioner } from '../../controller/provision/provisioner.ts'
import { openDb } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { containersOn } from './provisioner-machines.ts'

/**
 * A provisioner of its own process that stands still where it is told to, for a test that kills it there:
 * `node crashing-provisioner.ts URL STATE_DIR KEY SOCKET PATH`, where PATH is of the call to Docker after which nothing goes on.
 */
const [url = '', stateDir = '', key = '', socket = '', path = ''] = process.argv.slice(2)
const db = openDb(url, { log: silentLog, clock: systemClock, max: 5 })
const real = openDocker({ sockets: [socket], clock: systemClock })
const docker: Docker = {
  ...real,
  async call(method, at, options) {
    const answer = await real.call(method, at, options)
    if (!at.endsWith(path) || method !== 'POST') return answer
    process.stdout.write('there\n')
    return new Promise(() => {})
  },
}
const provisioner = createProvisioner({
  db,
  sealer: await openKey({ file: '/nonexistent', env: key, db }),
  clock: systemClock,
  log: silentLog,
  machinesFor: containersOn(docker, stateDir),
  config: {
    id: `crashing-${process.pid}`,
    name: 'crashing',
    labels: {},
    capacity: 1,
    stateDir,
    accessUrl: () => 'http://127.0.0.1:1',
    terraform: null,
    isolation: 'preferred',
    version: '0.1.0',
    passEnvironment: [],
    searchPath: process.env['PATH'] ?? '',
    environment: {},
    limits: { graceMs: 500 },
  },
})
await provisioner.start()
