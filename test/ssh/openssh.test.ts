import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'
import { enteredWorkspace, environmentOf } from './entered.ts'
import { needing } from './needs.ts'

/** OpenSSH's own programs are the judges of the agent's ssh server. */

const WANTED = ['exec', 'stream', 'sftp', 'scp', 'rsync', '-L', '-R', '-D', 'unix', 'agent', 'parallel', 'ControlMaster', 'X11']

needing(
  'ssh',
  'sftp',
  'scp',
  'rsync',
  'ssh-agent',
  'socat',
  'curl',
  'python3',
)('the matrix: commands, files, forwards, keys, and many at a time', { timeout: isSoak ? 900_000 : 400_000 }, async () => {
  const { config, run } = await enteredWorkspace()
  const [megabytes, parallel] = isSoak ? ['200', '100'] : ['20', '20']
  const { code, stdout, stderr } = await run(join(import.meta.dirname, 'matrix.sh'), [config, 'dev.bothy', megabytes, parallel])
  expect({
    done: stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/^ok /, '')),
    code,
    stderr: code === 0 ? '' : stderr,
  }).toEqual({
    done: WANTED,
    code: 0,
    stderr: '',
  })
})

needing('ssh')('a terminal follows its window, passes Ctrl-C on, and ends as its shell ends', async () => {
  const { home, config } = await enteredWorkspace()
  const pty = await import('@lydell/node-pty')
  const terminal = pty.spawn('ssh', ['-F', config, 'dev.bothy'], { cols: 91, rows: 17, env: environmentOf(home), name: 'xterm-256color' })
  onTestFinished(() => terminal.kill())
  let seen = ''
  terminal.onData((text) => (seen += text))
  const exited = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)))
  const says = (text: string) => until(`it to say ${text}`, () => seen.includes(text))
  terminal.write('PS1=; test -t 0 && echo "size $(stty size) $TERM"\r')
  await says('size 17 91 xterm-256color')
  terminal.resize(132, 50)
  await until('the new size', async () => {
    terminal.write('echo "size $(stty size)"\r')
    await until('an answer', () => /size \d+ \d+\r\n(?![\s\S]*echo)/.test(seen))
    return seen.includes('size 50 132')
  })
  terminal.write('sleep 1000; echo "interrupted $?"\r')
  await until('the sleep', () => home.processes().some(({ command }) => command === 'sleep 1000'))
  terminal.write('\u0003')
  await until('the prompt', async () => {
    terminal.write('echo after-$((1+1))\r')
    return seen.includes('after-2')
  })
  expect(home.processes().some(({ command }) => command === 'sleep 1000')).toBe(false)
  terminal.write('exit 5\r')
  expect(await exited).toBe(5)
})
