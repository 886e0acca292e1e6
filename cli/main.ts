import { EXIT, failureJson, failureLines } from './failure.ts'
import { runProgram } from './program.ts'
import { failureOf } from './refusal.ts'

const wantsJson = (argv: readonly string[]): boolean => /(^| )(-o ?json|--output[= ]json)( |$)/.test(argv.join(' '))
const debug = (await import('./environment.ts')).readEnvironment().debug

// Whoever reads us may stop reading: `bothy get workspaces | head -1` is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.didNotBecomeSo))

const argv = process.argv.slice(2)
try {
  process.exitCode = await runProgram(argv)
} catch (error) {
  const failure = failureOf(error)
  process.stderr.write(`${wantsJson(argv) ? failureJson(failure) : failureLines(failure).join('\n')}\n`)
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  process.exitCode = failure.code
}
// Open sockets and timers are nobody's business any more, but a slow reader of a pipe gets all that was written.
await Promise.all([written(process.stdout), written(process.stderr)])
process.exit()

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
