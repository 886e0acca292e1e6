import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createProvisioner } from '../../controller/provision/provisioner.ts'
import { openDb } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { slowMachines } from './slow-machines.ts'
import { realMachines } from './machines.ts'

/** A provisioner of its own process, for a test that kills it: `node crashing-provisioner.ts URL STATE_DIR KEY HOW`. */
const [url = '', stateDir = '', key = '', how = ''] = process.argv.slice(2)
const id = `crashing-${process.pid}`
const own = new URL(url)
// The database tells its connections from those of others.
own.searchParams.set('application_name', id)
const db = openDb(own.href, { log: silentLog, clock: systemClock, max: 5 })
const machines = realMachines(stateDir)
const provisioner = createProvisioner({
  db,
  sealer: await openKey({ file: '/nonexistent', env: key, db }),
  clock: systemClock,
  log: silentLog,
  machinesFor: how === 'slow' ? slowMachines(machines).machinesFor : machines,
  config: {
    id,
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
    // A short lease is lost by whoever gets no processor for that long.
    limits: { graceMs: 500, ...(how === 'hasty' ? { leaseMs: 1500 } : {}) },
  },
})
await provisioner.start()
process.stdout.write('ready\n')
process.on('SIGUSR2', () => process.stdout.write(`running ${provisioner.running()}\n`))

/** Says when it has let go of everything it ran. */
for (let before = 0; ; before = provisioner.running()) {
  await systemClock.sleep(20)
  if (before > 0 && provisioner.running() === 0) process.stdout.write('idle\n')
}
