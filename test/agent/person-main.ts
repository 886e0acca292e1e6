import { runExec } from '../../cli/exec.ts'
import { systemClock } from '../../controller/kernel/clock.ts'

/** `bothy exec -t` as a program of its own, at a real terminal. */
const [, , url = '', workspace = '', ...argv] = process.argv
const code = await runExec({
  endpoint: async () => ({ url, token: null, from: 'test', ca: null, through: null, isHere: false }),
  namespace: 'default',
  workspace,
  agent: null,
  argv,
  tty: true,
  cwd: null,
  env: {},
  io: process,
  clock: systemClock,
})
process.exit(code)
