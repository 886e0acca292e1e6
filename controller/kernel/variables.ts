import { isAbsolute } from 'node:path'
import { Misconfigured } from './errors.ts'

/** Values of environment variables. Each error names its variable. */

export type Environment = Readonly<Record<string, string | undefined>>

export const wrong = (name: string, value: string, wanted: string): Misconfigured => new Misconfigured(`${name}=${value}: ${wanted}`)

export function whole(env: Environment, name: string, otherwise: number, least: number, most: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) throw wrong(name, text, `must be a whole number from ${least} to ${most}`)
  return value
}

export function flag(env: Environment, name: string): boolean {
  const text = env[name] ?? ''
  if (!['', '0', '1', 'false', 'true'].includes(text)) throw wrong(name, text, 'must be 1 or 0')
  return text === '1' || text === 'true'
}

export function oneOf<T extends string>(env: Environment, name: string, choices: readonly T[], otherwise: T): T {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw wrong(name, text, `must be one of ${choices.join(', ')}`)
  return found
}

/** The value is not repeated in the error: a database's url holds a password. */
export function url(env: Environment, name: string, protocols: readonly string[]): string | null {
  const text = env[name]
  if (!text) return null
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw new Misconfigured(`${name} must be a url that begins with ${protocols.map((each) => `${each}//`).join(' or ')}`)
  }
  return text.replace(/\/$/, '')
}

export function absolute(env: Environment, name: string): string | null {
  const file = env[name] || null
  if (file !== null && !isAbsolute(file)) throw wrong(name, file, 'must be an absolute path')
  return file
}

export function wildcard(env: Environment, name: string): string | null {
  const text = (env[name] ?? '').toLowerCase()
  if (text === '') return null
  if (!/^\*(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/.test(text)) throw wrong(name, text, 'must be a name like *.apps.example.com')
  return text.slice(1)
}

export function someOf(env: Environment, name: string, choices: readonly string[]): string[] {
  const found = listed(env[name])
  const bad = found.find((each) => !choices.includes(each))
  if (bad !== undefined) throw wrong(name, bad, `must be some of ${choices.join(', ')}`)
  return found
}

export const listed = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

export function names(env: Environment, name: string): string[] {
  const found = listed(env[name])
  const bad = found.find((each) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(each) || /^(BOTHY_|TF_CLI_|DATABASE_URL$)/.test(each))
  if (bad !== undefined) throw wrong(name, bad, 'must be names of environment variables, none of them of Bothy itself')
  return found
}

/** null: not set, so anything; `none` is a list of nothing. */
export function patterns(env: Environment, name: string): readonly string[] | null {
  const found = listed(env[name])
  return found.length === 0 ? null : found.filter((each) => each !== 'none')
}

export function pairs(env: Environment, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    listed(env[name]).map((pair) => {
      const [label = '', value = '', ...rest] = pair.split('=')
      if (!/^[A-Za-z0-9]([-A-Za-z0-9_./]{0,252})$/.test(label) || rest.length > 0) throw wrong(name, pair, 'must be label=value, …')
      return [label, value]
    }),
  )
}
