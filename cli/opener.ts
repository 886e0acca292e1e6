import { spawn } from 'node:child_process'
import type { Environment } from './environment.ts'

/** The program that opens addresses here; null: nobody would see what it opens. */
const openerOf = (platform: NodeJS.Platform, { display }: Pick<Environment, 'display'>): string | null =>
  platform === 'darwin' ? 'open' : platform === 'linux' && display ? 'xdg-open' : null

/** false: there is no browser that could be told, so the address is for the person. */
export function openInBrowser(environment: Environment, url: string): Promise<boolean> {
  const program = openerOf(process.platform, environment)
  if (program === null || !/^https?:/.test(url)) return Promise.resolve(false)
  return new Promise((resolve) => {
    const child = spawn(program, [url], { stdio: 'ignore', detached: true })
    child.on('error', () => resolve(false))
    child.on('spawn', () => child.unref())
    child.on('exit', (code) => resolve(code === 0))
  })
}
