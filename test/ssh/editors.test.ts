import { mkdirSync, writeFileSync } from 'node:fs'
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'
import { enteredWorkspace, environmentOf } from './entered.ts'
import { needing } from './needs.ts'

/**
 * What VS Code's Remote-SSH does to a host it has never seen: one session that it talks a script to, which looks at the
 * machine, takes the server as an archive, starts it in the background and says its port; then forwards to that port.
 */

const SERVER = `
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'the server of an editor')
    def log_message(self, *args): pass
server = http.server.HTTPServer(('127.0.0.1', 0), Answer)
open(sys.argv[1], 'w').write('Extension host agent listening on %d\\n' % server.server_port)
server.serve_forever()
`

/** As Remote-SSH does it, in one login shell without a terminal, whose input is the script. */
const BOOTSTRAP = `
echo "platform==$(uname -s)-$(uname -m)=="
mkdir -p $HOME/.vscode-server/bin && cd $HOME/.vscode-server/bin && tar -xzf $HOME/vscode-server.tar.gz && test -f server.py
python3 server.py $HOME/.vscode-server/log > /dev/null 2>&1 < /dev/null &
echo $! > $HOME/.vscode-server/pid
while ! grep -q listening $HOME/.vscode-server/log 2> /dev/null; do sleep 0.05; done
echo "listeningOn==$(sed 's/.* //' $HOME/.vscode-server/log)=="
exit 0
`

needing(
  'ssh',
  'curl',
  'python3',
  'tar',
)("an editor's server is put there, started, outlives the session that did it, and is reached", async () => {
  const { home, config, ssh, run } = await enteredWorkspace()
  const base = dirname(home.state)
  mkdirSync(join(base, 'server'))
  writeFileSync(join(base, 'server', 'server.py'), SERVER)
  spawnSync('tar', ['-czf', join(base, 'server.tar.gz'), '-C', join(base, 'server'), '.'])
  expect(
    (await run('sh', ['-c', `ssh -F ${config} -T dev.bothy 'cat > $HOME/vscode-server.tar.gz' < ${join(base, 'server.tar.gz')}`])).code,
  ).toBe(0)

  const begun = await run('ssh', ['-F', config, '-T', '-D', String(await freePort()), 'dev.bothy', 'bash'], { input: BOOTSTRAP })
  expect({ code: begun.code, stderr: begun.stderr }).toEqual({ code: 0, stderr: '' })
  expect(begun.stdout).toMatch(/platform==Linux-\w+==/)
  const port = /listeningOn==(\d+)==/.exec(begun.stdout)?.[1] ?? ''
  expect(Number(port)).toBeGreaterThan(0)
  const alive = async () => (await ssh('dev.bothy', 'kill -0 $(cat .vscode-server/pid)')).code
  expect(await alive()).toBe(0)

  const socket = join(base, 'editor.sock')
  const forward = spawn('ssh', ['-F', config, '-N', '-L', `${socket}:127.0.0.1:${port}`, 'dev.bothy'], { env: environmentOf(home) })
  onTestFinished(() => void forward.kill())
  await until(
    'the forward',
    async () => (await run('curl', ['-s', '--unix-socket', socket, 'http://x/'])).stdout === 'the server of an editor',
  )
  // The window is closed: what it started stays for the next one.
  forward.kill()
  expect(await alive()).toBe(0)
  expect((await ssh('dev.bothy', 'kill $(cat .vscode-server/pid)')).code).toBe(0)
})
