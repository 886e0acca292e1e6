import { expect, test } from 'vitest'
import { enteredName, hostOf } from '../../cli/entered-name.ts'
import { forwardingOf } from '../../cli/forwarding.ts'

test('a workspace has a name for commands and one for ssh', () => {
  const cases = [
    ['dev', 'dev.bothy', { namespace: 'default', workspace: 'dev', agent: null }],
    ['dev.main', 'main.dev.bothy', { namespace: 'default', workspace: 'dev', agent: 'main' }],
  ] as const
  for (const [name, host, meant] of cases) {
    expect(enteredName(name, 'default')).toEqual(meant)
    expect(enteredName(host, 'ignored')).toEqual(meant)
    expect(hostOf(meant)).toBe(host)
  }
  const team = { namespace: 'team', workspace: 'dev', agent: 'main' }
  expect(enteredName('dev.main', 'team')).toEqual(team)
  expect(enteredName('main.dev.team.ns.bothy', 'default')).toEqual(team)
  expect(hostOf(team)).toBe('main.dev.team.ns.bothy')
  expect(enteredName('dev.team.ns.bothy', 'default')).toEqual({ ...team, agent: null })
})

test('what names no workspace is said to', () => {
  for (const wrong of ['', 'a.b.c', 'Dev', '-x', 'dev/main', '.bothy', 'a.b.c.bothy', 'a.b.c.d.ns.bothy', '../x.bothy', '$(id).bothy'])
    expect(() => enteredName(wrong, 'default'), wrong).toThrow('names no workspace')
})

test('a forwarding is a port, a host or a path on either side', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['8080', { port: 8080 }, 'tcp:127.0.0.1:8080'],
    ['8080:80', { port: 8080 }, 'tcp:127.0.0.1:80'],
    [':80', { port: 0 }, 'tcp:127.0.0.1:80'],
    ['8080:db.internal:5432', { port: 8080 }, 'tcp:db.internal:5432'],
    ['8080:[::1]:80', { port: 8080 }, 'tcp:[::1]:80'],
    ['2375:/run/docker.sock', { port: 2375 }, 'unix:/run/docker.sock'],
    ['/tmp/x.sock:80', { path: '/tmp/x.sock' }, 'tcp:127.0.0.1:80'],
    ['/tmp/x.sock:/run/y.sock', { path: '/tmp/x.sock' }, 'unix:/run/y.sock'],
  ]
  for (const [text, local, target] of cases) expect(forwardingOf(text), text).toMatchObject({ local, target })
  for (const wrong of ['', 'x', '0', '80:0', '70000', '70000:80', '80:70000', '/run/x.sock', '80:80:80:80', '80:', 'host:80:'])
    expect(() => forwardingOf(wrong), wrong).toThrow('names no port')
})
