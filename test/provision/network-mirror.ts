import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { deflateRawSync, crc32 } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { REAL_PLATFORM, REAL_VERSION } from '../support/real-provider.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** A mirror of one provider over https, with a certificate that only `authority` vouches for. */
export interface NetworkMirror {
  readonly url: string
  /** A file of certificates. */
  readonly authority: string
  readonly asked: string[]
  /** From now on archives are asked for and never arrive, or arrive again. */
  holdBack(held: boolean): void
}

export async function networkMirror(program: string, address: string): Promise<NetworkMirror> {
  const folder = temporaryFolder('bothy-https-')
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'].concat([
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout',
      key,
      '-out',
      cert,
    ]),
    { stdio: 'ignore' },
  )
  const archive = zipOf(`terraform-provider-coder_v${REAL_VERSION}`, program)
  const asked: string[] = []
  const answers = new Map<string, Buffer>([
    [`/mirror/${address}/index.json`, json({ versions: { [REAL_VERSION]: {} } })],
    [`/mirror/${address}/${REAL_VERSION}.json`, json({ archives: { [REAL_PLATFORM]: { url: 'provider.zip' } } })],
    [`/mirror/${address}/provider.zip`, archive],
  ])
  let held = false
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    asked.push(request.url ?? '')
    if (held && request.url?.endsWith('.zip')) return
    const answer = answers.get(request.url ?? '')
    const type = request.url?.endsWith('.json') ? 'application/json' : 'application/zip'
    response.writeHead(answer ? 200 : 404, { 'content-type': type }).end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const place = server.address()
  return {
    url: `https://127.0.0.1:${typeof place === 'object' && place ? place.port : 0}/mirror/`,
    authority: cert,
    asked,
    holdBack: (now) => void (held = now),
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** A zip archive of one program. */
function zipOf(name: string, file: string): Buffer {
  const data = readFileSync(file)
  const packed = deflateRawSync(data, { level: 1 })
  const title = Buffer.from(name)
  const common = Buffer.alloc(26)
  common.writeUInt16LE(20, 0)
  common.writeUInt16LE(8, 4)
  common.writeUInt32LE(crc32(data), 10)
  common.writeUInt32LE(packed.length, 14)
  common.writeUInt32LE(data.length, 18)
  common.writeUInt16LE(title.length, 22)
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), common, title, packed])
  const central = Buffer.concat([Buffer.from('PK\u0001\u0002', 'latin1'), Buffer.from([20, 3]), common, Buffer.alloc(14), title])
  // The attributes of a Unix program.
  central.writeUInt32LE((0o100755 << 16) >>> 0, 38)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}
