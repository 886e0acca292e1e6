import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync, existsSync, lstatSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { needing } from './needs.ts'
import { spawnSync } from 'node:child_process'

/** `bothy config-ssh` on the file of a person: theirs stays theirs. */

function person() {
  const home = temporaryHome()
  const base = dirname(home.state)
  return { home, base, folder: join(base, '.ssh'), file: join(base, '.ssh', 'config'), ours: join(home.state, 'ssh', 'config') }
}

/** What people have in such files: comments, no line at the end, Windows' line ends, what is not even text. */
const THEIRS = Buffer.concat([
  Buffer.from('ServerAliveInterval 7\r\n# mine\r\nHost *\n\tUser somebody\n\n\nHost x\n  Port 22 '),
  Buffer.from('\u00e9'),
])

test('a folder and a file that are not there are made, for their owner alone', async () => {
  const { home, folder, file, ours } = person()
  expect((await home.run(['config-ssh'])).code).toBe(0)
  expect((statSync(folder).mode & 0o777).toString(8)).toBe('700')
  expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
  expect((statSync(ours).mode & 0o777).toString(8)).toBe('600')
  expect(readFileSync(file, 'utf8')).toBe(`# >>> bothy config-ssh\nInclude "${ours}"\n# <<< bothy config-ssh\n`)
  const { stdout } = await home.run(['config-ssh'])
  expect(stdout).toContain('knew already')
  expect((await home.run(['config-ssh', '--remove'])).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe('')
  expect(existsSync(ours)).toBe(false)
})

test("the person's own lines are kept to the byte, and so are the file's rights and what it is a link to", async () => {
  const { home, base, folder, file } = person()
  mkdirSync(folder, { mode: 0o755 })
  const real = join(base, 'dotfile')
  writeFileSync(real, THEIRS)
  chmodSync(real, 0o644)
  symlinkSync(real, file)
  const dry = await home.run(['config-ssh', '--dry-run'])
  expect(dry.stdout).toContain('+ Include')
  expect(readFileSync(real)).toEqual(THEIRS)
  await home.run(['config-ssh'])
  const once = readFileSync(real)
  expect(once.subarray(-THEIRS.length)).toEqual(THEIRS)
  expect(lstatSync(file).isSymbolicLink()).toBe(true)
  expect((statSync(real).mode & 0o777).toString(8)).toBe('644')
  await home.run(['config-ssh'])
  expect(readFileSync(real)).toEqual(once)
  expect((await home.run(['config-ssh', '--dry-run'])).stdout).toBe(`${file} is as it should be\n`)
  await home.run(['config-ssh', '--remove'])
  expect(readFileSync(real)).toEqual(THEIRS)
  expect((await home.run(['config-ssh', '--remove'])).stdout).toContain('knew nothing')
})

test('a section whose end somebody removed is left alone, with what to do', async () => {
  const { home, folder, file } = person()
  mkdirSync(folder)
  const text = '# >>> bothy config-ssh\nInclude "x"\nHost mine\n'
  writeFileSync(file, text)
  const { code, stderr } = await home.run(['config-ssh'])
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('has no end') })
  expect(readFileSync(file, 'utf8')).toBe(text)
})

needing('ssh')('ssh itself reads it: for workspaces ours goes before what stands below, for other hosts nothing changes', async () => {
  const { home, folder, file } = person()
  mkdirSync(folder)
  writeFileSync(file, 'ServerAliveInterval 7\nHost *\n  ProxyCommand none\n  User somebody\n')
  await home.run(['config-ssh'])
  const asked = (host: string) => spawnSync('ssh', ['-F', file, '-G', host], { encoding: 'utf8' }).stdout
  expect(asked('main.dev.team.ns.bothy')).toMatch(/^proxycommand env BOTHY_STATE=.* ssh --stdio %h$/m)
  expect(asked('main.dev.team.ns.bothy')).toMatch(/^user somebody$/m)
  expect(asked('dev.bothy')).toMatch(/^stricthostkeychecking (yes|true)$/m)
  expect(asked('example.org')).not.toMatch(/bothy/)
  expect(asked('example.org')).toMatch(/^serveraliveinterval 7$/m)
})

needing('ssh')('where ssh looks elsewhere, that is said, and what is said works', async () => {
  const { home, base, file } = person()
  const theirs = join(userInfo().homedir, '.ssh', 'config')
  const asked = await home.run(['config-ssh'])
  expect(asked).toMatchObject({ code: 0, stderr: expect.stringContaining(`note: ssh does not look into ${file}: `) })
  expect(asked.stderr).toContain(`ssh -F ${file}, or write where it looks: bothy config-ssh --file ${theirs}\n`)
  // ssh itself says what it would do.
  const env = { PATH: process.env['PATH'], HOME: base }
  const settings = (...args: string[]) => spawnSync('ssh', [...args, '-G', 'dev.bothy'], { env, encoding: 'utf8' }).stdout
  expect(settings('-F', file)).toContain(home.state)
  expect(settings()).toMatch(/^hostname dev.bothy$/m)
  expect(settings()).not.toContain(home.state)
  expect((await home.run(['config-ssh', '--file', file])).stderr).toBe('')
  // Nothing is written: it is somebody's own.
  const atHome = join(temporaryFolder(), 'link')
  symlinkSync(userInfo().homedir, atHome)
  for (const HOME of [userInfo().homedir, atHome]) {
    expect(await temporaryHome({ HOME }).run(['config-ssh', '--dry-run'])).toMatchObject({ code: 0, stderr: '' })
  }
})
