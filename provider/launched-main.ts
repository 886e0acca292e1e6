import { systemClock } from '../controller/kernel/clock.ts'
import { runLaunched } from './launched.ts'

/** The first file of the bundle that terraform starts. */

const stopped = new AbortController()
// Ctrl-C reaches everybody in the terminal: terraform decides what it means, and says so to its plugins.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => stopped.abort())

const output = {
  line: (text: string) => void process.stdout.write(`${text}\n`),
  complaint: (text: string) => void process.stderr.write(`${text}\n`),
}

const NODE_MIN = 22
const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MIN) {
  output.complaint(
    `terraform-provider: Node ${NODE_MIN} or newer is needed, and this is ${process.versions.node}: put it on PATH, or its path into BOTHY_NODE`,
  )
  process.exit(1)
}
process.exitCode = await runLaunched(systemClock, output, stopped.signal)
// Whatever a connection has left open must not keep a provider that is done.
process.exit()
