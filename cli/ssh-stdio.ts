import { pipeline } from 'node:stream/promises'
import type { Duplex } from 'node:stream'
import type { Options } from './options.ts'
import { patiently, started } from './enter.ts'
import { enteredName, shownName, type EnteredName } from './entered-name.ts'
import { EXIT, Failure } from './failure.ts'
import { writeKnownHost } from './known-hosts.ts'
import { rawConnection } from './raw-connection.ts'
import type { Session } from './session.ts'

/** `bothy ssh --stdio`: the bytes of ssh between its client here and the agent there. What is said is said on stderr, in one line. */
export async function sshStdio(session: Session, name: string, options: Options): Promise<number> {
  try {
    const entered = enteredName(name, session.namespace)
    await started(session, entered, options)
    const connection = await patiently(session, async () => {
      await writeKnownHost(session.environment, session.client(), entered)
      return rawConnection(await session.client().endpoint(), entered, 'ssh', {}, session.clock)
    })
    await carried(connection, entered)
    return EXIT.done
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { what, where, fix } = error.text
    session.terminal.err(`bothy: ${[what, where, fix].filter(Boolean).join('; ')}`)
    return error.code
  }
}

async function carried(connection: Duplex, entered: EnteredName): Promise<void> {
  const lost = new Failure(EXIT.unreachable, {
    what: `the connection to ${shownName(entered)} was lost: the control plane or the workspace was restarted`,
    fix: 'connect again to go on; what ran in this session has ended',
  })
  let hereEnded = false
  process.stdin.on('end', () => (hereEnded = true))
  // ssh ends by closing both pipes; what breaks then is no news.
  const outward = pipeline(process.stdin, connection, { end: true }).catch(() => {})
  const inward = new Promise<void>((resolve, reject) => {
    let complete = false
    connection.on('data', (data: Buffer) => {
      if (process.stdout.write(data)) return
      connection.pause()
      process.stdout.once('drain', () => connection.resume())
    })
    connection.on('end', () => (complete = true))
    connection.on('error', () => {})
    connection.on('close', () => (complete || hereEnded ? resolve() : reject(lost)))
    process.stdout.on('error', () => connection.destroy())
  })
  await inward
  void outward
}
