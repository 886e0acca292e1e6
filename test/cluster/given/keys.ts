import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** The files of keys and certificates, in the state folder, and the kubeconfig of whoever may do all. */
export interface Keys {
  readonly kubeconfig: string
  file(name: string): string
  /** Whether the server says so. */
  isReady(): Promise<boolean>
}

/** Makes everything once; a folder that has a kubeconfig has all of it. */
export function makeKeys(state: string, url: string): Keys {
  const folder = join(state, 'keys')
  const kubeconfig = join(state, 'kubeconfig')
  const file = (name: string) => join(folder, name)
  if (!existsSync(kubeconfig)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    makeFiles(folder)
    // The last one: it says that everything is there.
    writeFileSync(kubeconfig, stringify(kubeconfigOf(file, url)), { mode: 0o600 })
  }
  const [ca, cert, key] = ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFileSync(file(name)))
  const isReady = () =>
    new Promise<boolean>((settle) => {
      const asked = request(`${url}/readyz`, { ca, cert, key, agent: false }, (response) => {
        response.resume()
        settle(response.statusCode === 200)
      })
      asked.on('error', () => settle(false))
      asked.end()
    })
  return { kubeconfig, file, isReady }
}

function makeFiles(folder: string): void {
  const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
  const fresh = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650'
  const signed = `req -x509 ${fresh} -CA ca.crt -CAkey ca.key`
  openssl(`req -x509 ${fresh} -keyout ca.key -out ca.crt -subj /CN=ca`)
  const names = 'subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc'
  openssl(`${signed} -keyout server.key -out server.crt -subj /CN=kube-apiserver -addext ${names}`)
  openssl(`${signed} -keyout admin.key -out admin.crt -subj /O=system:masters/CN=kubernetes-admin -addext extendedKeyUsage=clientAuth`)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'accounts.key'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(folder, 'accounts.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
}

/** One file that needs no other: it can be copied and mounted. */
function kubeconfigOf(file: (name: string) => string, server: string): object {
  const data = (name: string) => readFileSync(file(name)).toString('base64')
  const named = 'bothy-test'
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: named, cluster: { server, 'certificate-authority-data': data('ca.crt') } }],
    users: [{ name: 'admin', user: { 'client-certificate-data': data('admin.crt'), 'client-key-data': data('admin.key') } }],
    contexts: [{ name: named, context: { cluster: named, user: 'admin', namespace: 'default' } }],
    'current-context': named,
  }
}
