import type { Clock } from '../controller/kernel/clock.ts'
import type { LifecycleKeeper } from './lifecycle.ts'
import type { Manifest } from './protocol.ts'
import type { ServerChannel } from './ssh-library.ts'

/** A login waits for the start scripts where the template wants that: with a reason, and Ctrl-C goes in anyway. */
export interface LoginGate {
  readonly manifest: () => Manifest
  readonly lifecycle: Pick<LifecycleKeeper, 'now'>
  readonly clock: Clock
}

/** Set to anything: this login waits for nothing. For programs, which press no keys. */
export const NO_WAIT = 'BOTHY_NO_WAIT'

const LOOK_EVERY_MS = 100
const CTRL_C = 3

/** Answers false when the person left while waiting. */
export async function whenReady({ manifest, lifecycle, clock }: LoginGate, channel: ServerChannel, tty: boolean): Promise<boolean> {
  const blocking = () =>
    manifest()
      .scripts.filter((script) => script.on === 'start' && script.blocksLogin)
      .map((script) => script.name)
  const starting = () => lifecycle.now === 'Created' || lifecycle.now === 'Starting'
  const names = blocking()
  if (names.length === 0 || !starting()) return true
  const over = new AbortController()
  let left = false
  const onData = (data: Buffer) => {
    if (tty && data.includes(CTRL_C)) over.abort()
  }
  const onClose = () => {
    left = true
    over.abort()
  }
  channel.on('close', onClose)
  if (tty) channel.on('data', onData)
  const how = tty ? 'Ctrl-C goes in now' : `SetEnv ${NO_WAIT}=1 does not wait`
  say(channel, tty, `The workspace is starting: ${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} not ended yet. ${how}.`)
  while (starting() && !over.signal.aborted) await clock.sleep(LOOK_EVERY_MS, over.signal)
  if (!left) say(channel, tty, starting() ? 'Going in before it is ready.' : 'It is ready.')
  channel.off('data', onData)
  channel.off('close', onClose)
  channel.pause()
  return !left
}

export function say(channel: ServerChannel, tty: boolean, line: string): void {
  if (tty) channel.write(`bothy: ${line}\r\n`)
  else channel.stderr.write(`bothy: ${line}\n`)
}
