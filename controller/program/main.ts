import { systemClock } from '../kernel/clock.ts'
import { messageOf, Misconfigured } from '../kernel/errors.ts'
import { fetchRuntime } from './fetch-runtime.ts'
import { platformFrom, platformHere, platformName, PLATFORMS } from './platform.ts'
import { agentProgram } from './program.ts'
import { ROOT } from './runtime.ts'

/** `npm run agent:build -- PLATFORM …`: gets what a platform needs, so that a control plane run from here can serve its agent. */

const USAGE = `usage: npm run agent:build [-- ${PLATFORMS.join('|')} …] [--state FOLDER]

Fetches the Node of those platforms (this one's, when none is named) and packs the agent for them.
A control plane that runs from this folder serves them from then on.

  --state FOLDER   pack into the state folder of a control plane; .cache in this folder otherwise
`

async function main(argv: readonly string[], defaultState: string): Promise<number> {
  if (argv.includes('-h') || argv.includes('--help')) {
    process.stdout.write(USAGE)
    return 0
  }
  const at = argv.indexOf('--state')
  const stateDir = at < 0 ? defaultState : argv[at + 1]
  if (!stateDir) throw new Misconfigured('--state needs a folder')
  const named = argv.filter((_, i) => at < 0 || (i !== at && i !== at + 1))
  for (const platform of named.length > 0 ? named.map(platformFrom) : [platformHere()]) {
    const name = platformName(platform)
    await fetchRuntime(platform, (line) => void process.stderr.write(`${line}\n`))
    const { digest, archive } = await agentProgram({ stateDir, clock: systemClock, ...platform })
    const { file, bytes, sha256 } = await archive()
    process.stdout.write(`${name}  ${(bytes / 1024 / 1024).toFixed(1)} MB  program ${digest.slice(0, 12)}  sha256 ${sha256}\n${file}\n`)
  }
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2), `${ROOT}.cache`)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = error instanceof Misconfigured ? 2 : 1
}
