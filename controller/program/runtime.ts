import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Misconfigured } from '../kernel/errors.ts'
import { nodeNameOf, platformName, type Platform } from './platform.ts'

/** Where a platform's Node and native modules are: among the installed packages, or where `agent:build` put what it fetched. */

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const INSTALLED = join(ROOT, 'node_modules')
/** Each package in a folder of its name, as in node_modules. */
export const FETCHED = join(ROOT, '.cache', 'agent-runtimes')

export interface Runtime {
  readonly node: string
  /** Of Node, which goes with it. */
  readonly licence: string | null
  /** Native modules by the name they have beside the bundle. Everything works without them, slower or with something lost. */
  readonly addons: Readonly<Record<string, string>>
}

export interface RuntimePackage {
  readonly name: string
  readonly version: string
  readonly integrity: string
}

/** The packages a platform needs, as the lock file pins them. The first is Node. */
export function packagesFor(platform: Platform): readonly RuntimePackage[] {
  const name = nodeNameOf(platform)
  if (name === null) throw new Misconfigured(`there is no agent for ${platformName(platform)}`)
  const lock: { readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string } | undefined>> } =
    JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  return [`node-${name}`, `@lydell/node-pty-${name}`].flatMap((each) => {
    const locked = lock.packages[`node_modules/${each}`]
    return locked ? [{ name: each, version: locked.version, integrity: locked.integrity }] : []
  })
}

/** null: there is none here for that platform. */
export function runtimeFor(platform: Platform, places: readonly string[] = [INSTALLED, FETCHED]): Runtime | null {
  const name = nodeNameOf(platform)
  if (name === null) return null
  const find = (...path: string[]) => places.map((place) => join(place, ...path)).find((file) => existsSync(file))
  const node = find(`node-${name}`, 'bin', 'node')
  if (node === undefined) return null
  const pty = find('@lydell', `node-pty-${name}`, 'pty.node')
  // Built where it is installed, so there is one for this platform only.
  const isHere = name === `${process.platform}-${process.arch}`
  const crypto = isHere ? find('ssh2', 'lib', 'protocol', 'crypto', 'build', 'Release', 'sshcrypto.node') : undefined
  return {
    node,
    licence: find(`node-${name}`, 'LICENSE') ?? null,
    addons: { ...(pty ? { 'pty.node': pty } : {}), ...(crypto ? { 'sshcrypto.node': crypto } : {}) },
  }
}

export const howToGet = (platform: Platform): string =>
  nodeNameOf(platform) === null
    ? `there is no agent for ${platformName(platform)}`
    : `this control plane has no runtime for ${platformName(platform)}: run "npm run agent:build -- ${platformName(platform)}" where it is installed`
