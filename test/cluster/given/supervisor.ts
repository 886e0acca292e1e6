import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../../controller/kernel/clock.ts'
import { until } from '../../support/until.ts'
import { makeKeys, type Keys } from './keys.ts'

/**
 * What our own program does (`../go/apiserver`), with programs that are given: etcd, kube-apiserver, and a controller manager
 * where there is one. The same flags, the same line when it is ready, the same end.
 */

const startedAt = systemClock.elapsedMs()
const at = process.argv.indexOf('--')
const more = at < 0 ? [] : process.argv.slice(at + 1)
const { assets, state, keep, detached, manager } = flagsIn(process.argv.slice(2, at < 0 ? undefined : at))

/** The same words as Go has them: one dash. */
function flagsIn(args: readonly string[]) {
  const { values } = parseArgs({
    args: args.map((arg) => arg.replace(/^-(?=[a-z])/, '--')),
    options: {
      assets: { type: 'string', default: '' },
      state: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
      detached: { type: 'boolean', default: false },
      manager: { type: 'string', default: '' },
    },
  })
  return values
}

/** It ends with us, also when we are killed: it watches its standard input, whose other end we hold. */
const TIED = `exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r _; kill -KILL "$program"; } <&3 2>/dev/null &
reader=$!
wait "$program"
kill -KILL "$reader" 2>/dev/null`

function tied(program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(state, 'log'), 'a', 0o600)
  const child = spawn('sh', ['-c', TIED, 'sh', program, ...args], { stdio: ['pipe', log, log] })
  child.once('exit', () => void end(1))
  return child
}

let ending = false
/** All of it, once: the end of one program is the end of all. */
async function end(code: number): Promise<void> {
  if (ending) return
  ending = true
  await Promise.all(running.map(ended))
  if (!keep) await rm(state, { recursive: true, force: true })
  process.exit(code)
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((settle) => {
    if (child.exitCode !== null || child.signalCode !== null) return settle()
    child.once('exit', () => settle())
    child.stdin?.end()
  })

async function freePorts(count: number): Promise<readonly number[]> {
  const open = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    open.map((each) => new Promise<number>((settle) => each.listen(0, '127.0.0.1', () => settle((each.address() as AddressInfo).port)))),
  )
  await Promise.all(open.map((each) => new Promise((settle) => each.close(settle))))
  return ports
}

/** A server that goes on with old data is found where it was. */
async function portsOf(): Promise<readonly number[]> {
  const file = join(state, 'ports')
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await freePorts(3)))
  return JSON.parse(readFileSync(file, 'utf8')) as readonly number[]
}

const answersAt = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

const isFree = (port: number): Promise<boolean> =>
  new Promise((settle) => {
    const probe = createServer()
    probe.once('error', () => settle(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => settle(true)))
  })

const flagsOfServer = (keys: Keys, port: number, etcd: number): readonly string[] => [
  `--etcd-servers=http://127.0.0.1:${etcd}`,
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  '--authorization-mode=Node,RBAC',
  '--anonymous-auth=false',
  '--allow-privileged=true',
  '--enable-admission-plugins=NodeRestriction',
  `--tls-cert-file=${keys.file('server.crt')}`,
  `--tls-private-key-file=${keys.file('server.key')}`,
  `--client-ca-file=${keys.file('ca.crt')}`,
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-key-file=${keys.file('accounts.pub')}`,
  `--service-account-signing-key-file=${keys.file('accounts.key')}`,
  '--service-cluster-ip-range=10.96.0.0/16',
  // A loopback address is no legal endpoint, and nobody asks for this one.
  '--advertise-address=192.0.2.1',
  '--endpoint-reconciler-type=none',
  // Nobody makes the accounts that it would insist on.
  ...(manager === '' ? ['--disable-admission-plugins=ServiceAccount'] : []),
  ...more,
]

/** What a cluster without nodes still does: as `../go/apiserver/manager.go` has it. */
const flagsOfManager = (keys: Keys): readonly string[] => [
  `--kubeconfig=${keys.kubeconfig}`,
  '--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller',
  `--service-account-private-key-file=${keys.file('accounts.key')}`,
  `--root-ca-file=${keys.file('ca.crt')}`,
  '--leader-elect=false',
  '--secure-port=0',
  '--kube-api-qps=500',
  '--kube-api-burst=1000',
]

if (!keep) await rm(state, { recursive: true, force: true })
await mkdir(state, { recursive: true, mode: 0o700 })
const running: ChildProcess[] = []
process.on('SIGTERM', () => void end(0))
process.on('SIGINT', () => void end(0))
if (!detached) process.stdin.on('end', () => void end(0)).resume()

const [port = 0, etcd = 0, peer = 0] = await portsOf()
// Those of one that was killed a moment ago may still be ending.
await until('the ports to be free', async () => (await Promise.all([port, etcd, peer].map(isFree))).every(Boolean))
const url = `https://127.0.0.1:${port}`
const keys = makeKeys(state, url)
const flagsOfEtcd = [
  `--data-dir=${join(state, 'etcd')}`,
  `--listen-client-urls=http://127.0.0.1:${etcd}`,
  `--advertise-client-urls=http://127.0.0.1:${etcd}`,
  `--listen-peer-urls=http://127.0.0.1:${peer}`,
  `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
  `--initial-cluster=default=http://127.0.0.1:${peer}`,
  '--log-level=error',
  // Nothing here must survive a power cut.
  '--unsafe-no-fsync',
]
running.push(tied(join(assets, 'etcd'), flagsOfEtcd))
await until('etcd to answer', () => answersAt(`http://127.0.0.1:${etcd}/health`))
running.push(tied(join(assets, 'kube-apiserver'), flagsOfServer(keys, port, etcd)))
await until('the API server to be ready', () => keys.isReady(), { limitMs: 60_000, everyMs: 50 })
if (manager !== '') running.push(tied(manager, flagsOfManager(keys)))
const readyMs = Math.round(systemClock.elapsedMs() - startedAt)
process.stdout.write(`${JSON.stringify({ url, kubeconfig: keys.kubeconfig, pid: process.pid, readyMs })}\n`)
