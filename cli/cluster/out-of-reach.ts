import { BlockList, connect, isIP } from 'node:net'
import type { Clock } from '../../controller/kernel/clock.ts'

/** Whether an address is a cluster's own, and leads nowhere from this machine. Where it leads somewhere, that is the nearest way. */
export async function isOutOfReach(text: string, clock: Clock): Promise<boolean> {
  const url = new URL(text)
  if (!isOfCluster(url.hostname)) return false
  // Networks make whatever they like of such names, and without TLS nothing would show who is given a token.
  return (url.protocol === 'http:' && SERVICE.test(url.hostname)) || !(await answers(url, clock))
}

/** By a cluster's own DNS. */
const SERVICE = /\.svc(?:\.|$)|\.cluster\.local\.?$/

function isOfCluster(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  const version = isIP(host)
  if (version !== 0) return PRIVATE.check(host, version === 4 ? 'ipv4' : 'ipv6')
  return SERVICE.test(host) || (!host.includes('.') && host !== 'localhost')
}

const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')

/** Longer than it takes across an ocean; who is not there mostly says so at once. */
const CONNECT_LIMIT_MS = 1500

function answers({ hostname, port, protocol }: URL, clock: Clock): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) })
  return new Promise((resolve) => {
    const settle = (does: boolean) => {
      cancel()
      socket.destroy()
      resolve(does)
    }
    const cancel = clock.after(CONNECT_LIMIT_MS, () => settle(false))
    socket.on('connect', () => settle(true))
    socket.on('error', () => settle(false))
  })
}
