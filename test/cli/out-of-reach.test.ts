import { expect, test } from 'vitest'
import { isOutOfReach } from '../../cli/cluster/out-of-reach.ts'
import { systemClock } from '../../controller/kernel/clock.ts'

/** What becomes of a published address: taken as it is, tried, or not even tried. */
async function judged(url: string) {
  let tried = false
  const after = (_ms: number, late: () => void) => {
    tried = true
    return systemClock.after(0, late)
  }
  const isOut = await isOutOfReach(url, { ...systemClock, after })
  return tried ? 'tried' : isOut ? 'never' : 'taken'
}

test.for([
  ['https://bothy.example.com', 'taken'],
  ['http://bothy.example.com:7080', 'taken'],
  ['http://127.0.0.1:7080', 'taken'],
  ['http://[::1]:7080', 'taken'],
  ['http://localhost:7080', 'taken'],
  ['https://203.0.113.7', 'taken'],
  ['https://bothy.bothy-system.svc:7080', 'tried'],
  ['https://bothy.bothy-system.svc.cluster.local', 'tried'],
  ['https://10.255.255.1:7080', 'tried'],
  ['http://[fd00::1]:7080', 'tried'],
  ['http://a-machine-here:7080', 'tried'],
  // Whatever a network makes of such a name would be given a token.
  ['http://bothy.bothy-system.svc:7080', 'never'],
  ['http://bothy.bothy-system.svc.cluster.local:7080', 'never'],
] as const)('%s', async ([url, wanted]) => {
  expect(await judged(url)).toBe(wanted)
})
