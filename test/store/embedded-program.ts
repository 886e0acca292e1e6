import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { startEmbedded } from '../../controller/store/embedded.ts'

/** A program that keeps the embedded server of the state folder it is given, until somebody kills it or closes its input. */
const [, , state = ''] = process.argv
const server = await startEmbedded({ state, clock: systemClock, log: silentLog })
process.stdout.write(`${JSON.stringify({ pid: server.pid(), url: server.url })}\n`)
process.stdin.on('end', () => void server.close()).resume()
