import type { Socket } from 'node:net'
import { joinSocket, type Transport } from './ssh-flow.ts'
import { endOutput, type ServerChannel } from './ssh-library.ts'
import type { Stats } from './stats.ts'

/** What forwarded connections of either way share. */

export interface ForwardPorts {
  readonly transport: Transport
  readonly stats: Pick<Stats, 'begin'>
  readonly by: string
  /** false: too many channels are open already. */
  readonly takeChannel: () => boolean
  readonly giveChannel: () => void
}

export function join(channel: ServerChannel, socket: Socket, { transport, stats, by, giveChannel }: ForwardPorts): void {
  const use = stats.begin('PortForward', by)
  socket.setNoDelay(true)
  channel.on('close', () => {
    use.end()
    giveChannel()
  })
  joinSocket(
    transport,
    channel,
    socket,
    () => endOutput(channel),
    () => use.touch(),
  )
}
