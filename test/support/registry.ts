import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../../controller/kernel/clock.ts'

/** A registry of one image, as Docker pulls from it: a manifest, a configuration, layers. */
export interface Registry {
  /** `127.0.0.1:PORT`: what an image's name begins with. */
  readonly host: string
  readonly asked: readonly string[]
  close(): Promise<void>
}

export interface RegistryOptions {
  /** Plain tars, lowest first. */
  readonly layers: readonly Buffer[]
  readonly login?: { readonly username: string; readonly password: string }
  /** Milliseconds between the pieces of a layer. */
  readonly dripMs?: number
}

const TYPES = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export async function startRegistry({ layers, login, dripMs = 0 }: RegistryOptions): Promise<Registry> {
  const packed = layers.map((layer) => gzipSync(layer, { level: 1 }))
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    }),
  )
  const part = (mediaType: string, bytes: Buffer) => ({ mediaType, size: bytes.length, digest: digestOf(bytes) })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: part(TYPES.config, config),
      layers: packed.map((layer) => part(TYPES.layer, layer)),
    }),
  )
  const blobs = new Map([config, ...packed].map((bytes) => [digestOf(bytes), bytes]))
  const asked: string[] = []
  const wanted = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`

  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(`${request.method} ${path}`)
    if (wanted && request.headers.authorization !== wanted) {
      response.setHeader('www-authenticate', 'Basic realm="test"')
      return void answer(
        response,
        401,
        'application/json',
        Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'),
      )
    }
    if (path === '/v2/') return void answer(response, 200, 'application/json', Buffer.from('{}'))
    const digest = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path)?.[1]
    const blob = digest === undefined ? undefined : blobs.get(digest)
    if (blob) return void drip(response, blob, dripMs)
    if (/\/manifests\/(latest|1|sha256:[0-9a-f]+)$/.test(path)) {
      response.setHeader('docker-content-digest', digestOf(manifest))
      return void answer(response, 200, TYPES.manifest, manifest)
    }
    return void answer(
      response,
      404,
      'application/json',
      Buffer.from('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(response: ServerResponse, status: number, type: string, body: Buffer): void {
  response.writeHead(status, { 'content-type': type, 'docker-distribution-api-version': 'registry/2.0', 'content-length': body.length })
  response.end(body)
}

const PIECES = 8

async function drip(response: ServerResponse, blob: Buffer, dripMs: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': blob.length })
  const size = Math.ceil(blob.length / PIECES)
  for (let at = 0; at < blob.length; at += size) {
    response.write(blob.subarray(at, at + size))
    if (dripMs > 0) await systemClock.sleep(dripMs)
  }
  response.end()
}
