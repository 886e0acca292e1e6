import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, temporaryHome } from '../support/bothy.ts'

const example = join(root, 'examples', '02-template-in-typescript')

test('the example in TypeScript becomes a workspace, command by command as its README says', async () => {
  const home = temporaryHome()
  rmSync(home.folder, { recursive: true })
  cpSync(example, home.folder, { recursive: true })
  const readme = readFileSync(join(example, 'README.md'), 'utf8')
  const commands = [...readme.matchAll(/^npx bothy (.*)$/gm)].map(([, command = '']) => command)
  expect(commands[0]).toBe('up .')
  const up = await home.up()
  const said = new Map<string, string>()
  for (const command of commands.slice(1)) {
    const { code, stdout, stderr } = await home.run(
      wordsOf(command).map((word) => (word === 'typed' && command.includes(' validate ') ? join(home.folder, 'typed') : word)),
    )
    expect([command, code, stderr]).toEqual([command, 0, expect.anything()])
    said.set(command.split(' ').slice(0, 2).join(' '), stdout)
  }
  expect(said.get('exec typed-dev')).toBe('nano edits, with ["git","make"]\n')
  expect(said.get('get template')).toMatch(/^typed +True/m)
  expect(said.get('template validate')).toContain('2 parameters')
  expect(said.get('template preview')).toMatch(/^editor +emacs/m)
  expect(await up.end()).toBeTypeOf('number')
})

const wordsOf = (command: string): string[] => [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
