import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { watchFolder } from '../../controller/source/watcher.ts'

/** Watches a folder in a process of its own, writes into it once it polls, and prints what it hears. */
const root = process.argv[2] ?? ''
const print = (line: string) => void process.stdout.write(`${line}\n`)
const polls = Promise.withResolvers<void>()
const heard = Promise.withResolvers<void>()
let polling = false
let isHeard = false

const watcher = watchFolder(root, {
  clock: systemClock,
  log: silentLog,
  say(line) {
    print(line)
    polls.resolve()
  },
  dirty() {
    if (polling) heard.resolve()
  },
})
void heard.promise.then(() => (isHeard = true))
await polls.promise
// Files that were there at the first look of the polling watcher are no news: write until one is.
for (let i = 0; !isHeard; i += 1) {
  polling = i > 0
  writeFileSync(join(root, 'folder-9', `late-${i}.yaml`), '')
  await systemClock.sleep(100)
}
print(`heard, ${watcher.mode()}`)
await watcher.close()
