import type { ClientHttp2Stream } from 'node:http2'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { halfClosingDuplex } from '../kernel/half-closing-duplex.ts'
import { messageDuplex } from '../kernel/message-duplex.ts'
import { abandon } from './link.ts'
import { pour } from '../kernel/pour.ts'

/** A person's connection and a stream of the agent: bytes both ways, each side held back by the other. */

export interface Bridged {
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Close codes of WebSockets. The client comes back and goes on after each of them but the first. */
export const CLOSE = { done: 1000, restarting: 1012, agentLost: 4001 } as const

/** The WebSocket is closed by whoever is done; what the other still sends is lost, as both know. */
export function bridgeTogether(ws: WebSocket, stream: ClientHttp2Stream, onOver: (bytes: Bridged) => void): void {
  const person = messageDuplex(ws)
  const count = counted(person, stream)
  let complete = false
  person.on('error', () => stream.destroy())
  person.on('close', () => {
    abandon(stream)
    onOver(count)
  })
  stream.on('end', () => (complete = stream.rstCode === 0 && !stream.aborted))
  // Who left before the agent was lost hears no code any more, and would be kept here for ever.
  const letGo = () => stream.destroyed && ws.readyState === ws.CLOSED && person.destroy()
  ws.on('close', letGo)
  stream.on('close', () => {
    if (complete) person.end()
    else ws.close(CLOSE.agentLost)
    letGo()
  })
  person.pipe(stream)
  stream.pipe(person, { end: false })
}

/** Each direction ends by itself. What breaks on one side breaks the other: it must not look like an end. */
export function bridgeApart(person: Duplex, stream: ClientHttp2Stream, onOver: (bytes: Bridged) => void): void {
  const count = counted(person, stream)
  let [personEnded, agentEnded] = [false, false]
  person.on('end', () => (personEnded = true))
  person.on('error', () => {})
  person.on('close', () => {
    // A stream that is closed without an error would look complete to the agent.
    if (!stream.destroyed && !(personEnded && agentEnded)) stream.destroy(new Error('the person is gone'))
    onOver(count)
  })
  stream.on('end', () => {
    agentEnded = stream.rstCode === 0 && !stream.aborted
    if (agentEnded) person.end()
    else cutOff(person)
  })
  stream.on('close', () => {
    if (!agentEnded || stream.rstCode !== 0) return cutOff(person)
    // The agent has closed both directions: whoever still sends sends to nobody.
    if (!personEnded) person.resume()
  })
  pour(person, stream)
  pour(stream, person, { end: false })
}

export const webSocketApart = (ws: WebSocket): Duplex => halfClosingDuplex(ws)

/** On a bare socket only a reset says that something was cut short. */
export function cutOff(person: Duplex): void {
  if (person.destroyed) return
  try {
    if (person instanceof Socket && !('encrypted' in person)) return void person.resetAndDestroy()
  } catch {
    // A socket of another kind knows no reset.
  }
  person.destroy(new Error('the agent is gone'))
}

function counted(person: Duplex, stream: ClientHttp2Stream): Bridged {
  const count = { bytesIn: 0, bytesOut: 0 }
  person.on('data', (chunk: Buffer) => (count.bytesIn += chunk.length))
  stream.on('data', (chunk: Buffer) => (count.bytesOut += chunk.length))
  return count
}
