import { writeFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { readContext, type Context } from '../../../controller/cluster/kubernetes-context.ts'
import { Misconfigured } from '../../../controller/kernel/errors.ts'
import { kubectl } from '../server.ts'

/**
 * A cluster that somebody has already, for the tests that need none of their own. BOTHY_TEST_KUBECONFIG means nothing else, so what
 * it names is used wherever it is. KUBECONFIG is set where people work: it is used if it leads to this machine and no further.
 */
export interface Given {
  readonly cluster: GivenCluster | null
  /** What whoever runs the tests is to know. */
  readonly told: string | null
}

export interface GivenCluster {
  readonly kubeconfig: string
  /** Whether something makes service accounts there, and removes what a namespace had. `setup-envtest` starts nothing that would. */
  readonly controllers: boolean
}

interface Wanted {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Removed by whoever asks. */
  readonly folder: string
}

export async function givenCluster({ environment, folder }: Wanted): Promise<Given> {
  const meant = environment['BOTHY_TEST_KUBECONFIG']
  if (meant) return { cluster: await clusterAt(meant, folder), told: null }
  const found = environment['KUBECONFIG']
  if (!found) return { cluster: null, told: null }
  const copy = join(folder, 'kubeconfig')
  try {
    // Judged before any program is told of it: a kubectl may ask the server for its version whatever it is to do.
    refuseElsewhere(readContext({ kubeconfig: null, context: null, environment: { KUBECONFIG: found } }))
    await copyContext(found, copy)
    // Theirs may have changed meanwhile.
    const { server } = refuseElsewhere(readContext({ kubeconfig: copy, context: null, environment: {} }))
    await refuseSilent(copy, server, folder)
    return { cluster: await clusterAt(copy, folder), told: `the tests use the cluster of KUBECONFIG, ${server}` }
  } catch (error) {
    if (error instanceof Misconfigured) return { cluster: null, told: leftAlone(error.message) }
    throw error
  }
}

const leftAlone = (why: string): string =>
  `KUBECONFIG is left alone: ${why}. To have the tests use a cluster all the same, name its kubeconfig by BOTHY_TEST_KUBECONFIG`

function refuseElsewhere(context: Context): Context {
  const { server, cluster } = context
  if (!isOnThisMachine(server)) throw new Misconfigured(`${server} is not on this machine`)
  const roundabout = [
    ...(cluster.proxy === null ? [] : ['proxy-url']),
    ...(cluster.serverName === null ? [] : ['tls-server-name']),
    ...(cluster.skipVerify ? ['insecure-skip-tls-verify'] : []),
  ]
  if (roundabout.length > 0) throw new Misconfigured(`with ${roundabout.join(' and ')}, ${server} may lead to another machine`)
  return context
}

/** Its current context alone, and with all it needs: whoever chooses another meanwhile leads no test there. */
async function copyContext(kubeconfig: string, copy: string): Promise<void> {
  const args = ['config', 'view', '--minify', '--flatten', '--raw', '--output', 'json']
  const { code, stdout, stderr } = await kubectl(args, { kubeconfig, home: dirname(copy) })
  if (code !== 0) throw new Misconfigured(`kubectl cannot read it (${stderr.trim()})`)
  writeFileSync(copy, stdout, { mode: 0o600 })
}

async function refuseSilent(kubeconfig: string, server: string, home: string): Promise<void> {
  const { code, stderr } = await kubectl(['get', '--raw', '/version', '--request-timeout=5s'], { kubeconfig, home })
  if (code !== 0) throw new Misconfigured(`${server} does not answer (${stderr.trim().split('\n').at(-1)})`)
}

const OWN = new BlockList()
OWN.addSubnet('127.0.0.0', 8, 'ipv4')
OWN.addAddress('::1', 'ipv6')
// Who listens everywhere is asked there too: k3d writes it so.
OWN.addAddress('0.0.0.0', 'ipv4')
OWN.addAddress('::', 'ipv6')

/** By its address alone: no name but those of this machine is looked up. */
export function isOnThisMachine(server: string): boolean {
  if (!URL.canParse(server)) return false
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '')
  const version = isIP(host)
  if (version !== 0) return OWN.check(host, version === 4 ? 'ipv4' : 'ipv6')
  return /^(?:.+\.)?localhost\.?$/.test(host)
}

async function clusterAt(kubeconfig: string, folder: string): Promise<GivenCluster> {
  const asked = ['get', 'serviceaccount', 'default', '--namespace', 'default', '--request-timeout=10s']
  const { code, stderr } = await kubectl(asked, { kubeconfig, home: folder })
  return { kubeconfig, controllers: code === 0 || !stderr.includes('NotFound') }
}
