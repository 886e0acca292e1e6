import { inTurns, type Asked, type Bench } from './harness/bench.ts'
import { enteredWorkspace, startLoad, startTarget, tcpRelays, webSocketRelays, type Way } from './harness/hops.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import type { Load } from './harness/pump.ts'

/** Client, control plane and agent are three processes, and so are those of the rivals; both ends are the same for all. */
export const forward: Bench = {
  name: 'forward',
  about: 'bytes through bothy port-forward, beside relays that do nothing else, with as many processes',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 5
const ROUNDS_QUICK = 1
const BYTES = 208 * 1024 * 1024
const BYTES_QUICK = 32 * 1024 * 1024
const LEAST_OF_WEBSOCKET = 0.55
const LEAST_OF_TCP = 0.65

const CASES: readonly { readonly what: string; readonly op: Load['op']; readonly streams: number }[] = [
  { what: 'to the workspace, one stream', op: 'up', streams: 1 },
  { what: 'from the workspace, one stream', op: 'down', streams: 1 },
  { what: 'to the workspace, eight', op: 'up', streams: 8 },
  { what: 'from the workspace, eight', op: 'down', streams: 8 },
]

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const target = await startTarget(place)
  const load = startLoad(place)
  const ways = {
    fast: await (await enteredWorkspace(place, 'fast')).forward(target),
    ours: await (await enteredWorkspace(place, 'ws', true)).forward(target),
    webSocket: await webSocketRelays(place, target),
    tcp: await tcpRelays(place, 3, target),
  }
  const lines: Line[] = []
  const bytes = asked.quick ? BYTES_QUICK : BYTES
  for (const { what, op, streams } of CASES) {
    asked.say(what)
    const one = (way: Way) => async () => {
      const before = way.usedMs()
      const ms = await load({ port: way.port, op, streams, bytes: bytes / streams })
      return { perSecond: bytes / 1e6 / (ms / 1000), usedPerGb: (way.usedMs() - before) / (bytes / 1e9) }
    }
    const found = await inTurns(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, {
      fast: one(ways.fast),
      ours: one(ways.ours),
      webSocket: one(ways.webSocket),
      tcp: one(ways.tcp),
    })
    const rates = (side: keyof typeof found) => found[side].map(({ perSecond }) => perSecond)
    const used = (side: keyof typeof found) => found[side].map(({ usedPerGb }) => usedPerGb)
    lines.push(
      {
        what: `${what}, bare sockets`,
        unit: 'MB/s',
        values: rates('fast'),
        beside: { what: 'TCP relays', values: rates('tcp') },
        reach: [{ of: 'ratio', least: LEAST_OF_TCP }],
      },
      {
        what: `${what}, bare sockets`,
        unit: 'MB/s',
        values: rates('fast'),
        beside: { what: 'a WebSocket each', values: rates('webSocket') },
        reach: [{ of: 'ratio', least: LEAST_OF_WEBSOCKET }],
      },
      {
        what: `${what}, WebSockets`,
        unit: 'MB/s',
        values: rates('ours'),
        beside: { what: 'a WebSocket each', values: rates('webSocket') },
        reach: [{ of: 'ratio', least: LEAST_OF_WEBSOCKET }],
      },
      { what: '  processor time for a GB, bare', unit: 'ms', values: used('fast'), beside: { what: 'TCP relays', values: used('tcp') } },
      { what: '  over WebSockets', unit: 'ms', values: used('ours'), beside: { what: 'a WebSocket each', values: used('webSocket') } },
    )
  }
  return lines
}
