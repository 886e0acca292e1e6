import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createProvisioner } from '../../controller/provision/provisioner.ts'
import { openDb } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { realMachines } from './machines.ts'

/** A provisioner of its own process that fetches from a mirror, for a test that kills it: `URL STATE_DIR KEY MIRROR AUTHORITY`. */
const [url = '', stateDir = '', key = '', mirror = '', authority = ''] = process.argv.slice(2)
const db = openDb(url, { log: silentLog, clock: systemClock, max: 5 })
const provisioner = createProvisioner({
  db,
  sealer: await openKey({ file: '/nonexistent', env: key, db }),
  clock: systemClock,
  log: silentLog,
  machinesFor: realMachines(stateDir),
  config: {
    id: `fetching-${process.pid}`,
    name: 'fetching',
    labels: {},
    capacity: 1,
    stateDir,
    accessUrl: () => 'http://127.0.0.1:1',
    terraform: null,
    isolation: 'preferred',
    version: '0.1.0',
    passEnvironment: [],
    searchPath: process.env['PATH'] ?? '',
    environment: { SSL_CERT_FILE: authority },
    sources: { providers: null, modules: null, mirror, direct: false },
    limits: { graceMs: 500 },
  },
})
await provisioner.start()
process.stdout.write('ready\n')
