import type { Duplex } from 'node:stream'
import { Client, type ClientChannel } from 'ssh2'
import { rawConnection } from '../../cli/raw-connection.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import type { Made } from '../agent/world.ts'

/** Somebody who comes by ssh or to a port, at the level of connections. */

export const enter = (url: string, { workspace }: Pick<Made, 'workspace'>, service: 'ssh' | 'port', query: Record<string, string> = {}) =>
  rawConnection(
    { url, token: 'secret', from: 'test', ca: null, through: null, isHere: false },
    { namespace: 'default', workspace, agent: null },
    service,
    query,
    systemClock,
  )

/** A client that has come in. */
export async function sshClient(sock: Duplex): Promise<Client> {
  const client = new Client()
  await new Promise<void>((resolve, reject) => {
    client.on('ready', resolve)
    client.on('error', reject)
    client.connect({ sock: sock as never, username: 'anybody', readyTimeout: 20_000, strictVendor: false })
  })
  client.on('error', () => {})
  return client
}

export const opened = (client: Client, command: string): Promise<ClientChannel> =>
  new Promise((resolve, reject) => client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))))

export async function said(client: Client, command: string): Promise<string> {
  const channel = await opened(client, command)
  let text = ''
  channel.on('data', (data: Buffer) => (text += data.toString()))
  channel.stderr.resume()
  await new Promise((resolve) => channel.on('close', resolve))
  return text
}

/** All that comes until the end; rejects where it is cut short. */
export async function all(connection: Duplex): Promise<string> {
  let text = ''
  for await (const part of connection) text += String(part)
  return text
}
