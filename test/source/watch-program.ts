import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { watchFolder } from '../../controller/source/watcher.ts'

/** Watches a folder in a process of its own, writes into it once it polls, and prints what it hears. */
const root = process.argv[2] ?? ''
const print = (line: string) => void process.stdout.write(`${line}\n`)
const polls = Promise.withResolvers<void>()
const heard = new AbortController()
let hints = 0

const watcher = watchFolder(root, {
  clock: systemClock,
  log: silentLog,
  say(line) {
    print(line)
    polls.resolve()
  },
  dirty() {
    // The error itself and the first look of the polling watcher are a hint each.
    hints += 1
    if (hints > 2) heard.abort()
  },
})
await polls.promise
for (let i = 0; !heard.signal.aborted; i += 1) {
  writeFileSync(join(root, 'folder-9', `late-${i}.yaml`), '')
  await systemClock.sleep(250, heard.signal)
}
print(`heard, ${watcher.mode()}`)
await watcher.close()
