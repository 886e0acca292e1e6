import { clusterPrograms } from './programs.ts'
import { startServer } from './server.ts'

/** Holds a cluster until it is killed, as the run of the tests does. */

const programs = await clusterPrograms()
if ('missing' in programs) throw new Error(programs.missing)
await startServer({ programs, folder: process.argv[2] ?? '' })
process.stdout.write('ready\n')
