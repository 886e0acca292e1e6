import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/bothy.ts'

/** Which packages are loaded before a command has done anything. */
function packagesOf(command: string): readonly string[] {
  const script = `
    import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({ load(url, context, next) {
      const [, name] = /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? []
      if (name) packages.add(name)
      return next(url, context)
    } })
    await import(${JSON.stringify(join(root, 'cli', `${command}.ts`))})
    console.log([...packages].toSorted().join(' '))
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', cwd: root })
  return stderr === '' ? stdout.split(/\s+/).filter(Boolean) : [stderr]
}

test('what only some answers need is loaded for those alone', () => {
  const commands = ['apply', 'create', 'delete', 'diff', 'events', 'get', 'wait', 'why', 'request']
  expect(commands.map((command) => [command, packagesOf(command)])).toEqual(commands.map((command) => [command, []]))
  expect(packagesOf('exec')).toEqual(['ws'])
})
