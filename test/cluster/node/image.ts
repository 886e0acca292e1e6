import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ImageOptions {
  readonly command?: readonly string[]
  readonly user?: string
}

/** An archive of one image with one layer, as `docker save` writes it, from the tar of a root file system. */
export function writeImage(file: string, name: string, layer: Buffer, { command = ['/bin/sh'], user = '' }: ImageOptions = {}): void {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-image-'))
  try {
    const config = JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: command, User: user },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    })
    const configName = `${sha256(config)}.json`
    mkdirSync(join(folder, 'layer'))
    writeFileSync(join(folder, 'layer', 'layer.tar'), layer)
    writeFileSync(join(folder, configName), config)
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify([{ Config: configName, RepoTags: [name], Layers: ['layer/layer.tar'] }]))
    execFileSync('tar', ['-C', folder, '-cf', file, 'manifest.json', configName, 'layer/layer.tar'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
