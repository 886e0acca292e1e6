import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { containerNamed, ofWorkspace } from '../../controller/machines/engine-objects.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'
import { createWorld, never, refusal, wanted } from './world.ts'

/** Containers on a real daemon: made once, found again, changed in place, and gone with everything they had. */

const missing = dockerMissing()

describe.skipIf(missing !== null)(`containers${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
    await daemon.image('bothy-ada', { user: 'ada' })
    await daemon.image('bothy-bare', { glibc: false })
    await daemon.image('bothy-shellless', { shell: false })
  })
  afterAll(() => daemon.close())

  const inspect = async (name: string) => (await daemon.docker.call('GET', `/containers/${name}/json`)).json
  /** The agent has read what it was given, and hears signals. */
  const started = (name: string, times = 1) =>
    until(`start ${times} of the agent`, async () => (await daemon.exec(name, 'sh', '-c', 'wc -l < /tmp/starts')).trim() === String(times))

  const existing = async (uid: string) => {
    const [containers, volumes, networks] = await Promise.all([
      ofWorkspace(daemon.docker, 'containers', uid),
      ofWorkspace(daemon.docker, 'volumes', uid),
      ofWorkspace(daemon.docker, 'networks', uid),
    ])
    return [containers.length, volumes.length, networks.length]
  }

  test('the agent runs in it as its supervisor wants, with its token in a file and nowhere else', async () => {
    const world = createWorld(daemon.docker)
    const seen = await world.machines().create(wanted(), never)
    const name = world.nameOf()
    expect(seen).toMatchObject({ image: 'bothy-test', ip: '', cpus: null, memoryMb: null })
    await started(name)
    expect(await daemon.exec(name, 'cat', '/tmp/token')).toBe('secret-of-agent-1')
    expect(await daemon.exec(name, 'cat', '/tmp/environment')).toMatch(
      /BOTHY_URL=unix:\/\/\/run\/bothy\/agent\.sock\n[\s\S]*BOTHY_WORKSPACE_NAME=dev\n[\s\S]*COLOUR=green/,
    )
    expect(JSON.stringify(await inspect(name))).not.toContain('secret-of')
    expect(await daemon.exec(name, 'sh', '-c', 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ')).not.toContain('secret-of')
    expect(await daemon.exec(name, 'sh', '-c', 'echo x > /opt/bothy/x || echo x > /run/bothy/x')).toMatch(/Read-only/)
    // What its parent left behind is waited for by the first process.
    await until('no zombie to be left', async () => !/^State:\s+Z/m.test(await daemon.exec(name, 'sh', '-c', 'cat /proc/[0-9]*/status')))
    expect((await containerNamed(daemon.docker, name))?.labels).toMatchObject({
      'bothy.dev/workspace': world.uid,
      'bothy.dev/build': '7',
      'bothy.dev/owner': 'ada@example.com',
    })
    await world.machines().forget()
    expect(await existing(world.uid)).toEqual([0, 0, 0])
  })

  test('the token belongs to the user of the image, or of the template', async () => {
    const world = createWorld(daemon.docker)
    const file = join(world.stateDir, 'containers', world.nameOf(), 'token')
    await world.machines().create(wanted({ image: 'bothy-ada' }), never)
    expect([statSync(file).uid, statSync(file).mode & 0o777]).toEqual([1815, 0o400])
    await started(world.nameOf())
    expect(await daemon.exec(world.nameOf(), 'cat', '/tmp/token')).toBe('secret-of-agent-1')
    await world.machines().update(wanted({ image: 'bothy-ada', user: '4711:4711' }), never)
    expect(statSync(file).uid).toBe(4711)
    await world.machines().forget()
  })

  test('one that is ours is adopted and never doubled; other inputs make another, limits change in place', async () => {
    const world = createWorld(daemon.docker)
    const first = await world.machines().create(wanted(), never)
    expect((await world.machines().create(wanted(), never)).id).toBe(first.id)
    const limited = await world.machines().update(wanted({ cpus: 0.5, memoryMb: 64 }), never)
    expect(limited).toMatchObject({ id: first.id, cpus: 0.5, memoryMb: 64 })
    // As somebody may do by hand: the next look tells.
    await daemon.docker.call('POST', `/containers/${first.id}/update`, { body: { Memory: 96 * 2 ** 20, MemorySwap: 96 * 2 ** 20 } })
    expect(await world.machines().observe('main', never)).toMatchObject({ memoryMb: 96 })
    const unlimited = await world.machines().update(wanted(), never)
    expect(unlimited.id).not.toBe(first.id)
    expect(unlimited).toMatchObject({ cpus: null, memoryMb: null })
    const changed = await world.machines().create(wanted({ env: { COLOUR: 'red' } }), never)
    expect(changed.id).not.toBe(unlimited.id)
    expect(await existing(world.uid)).toEqual([1, 0, 0])
    await world.machines().forget()
  })

  test('one that was ended by hand counts as gone, and goes on with what it wrote', async () => {
    const world = createWorld(daemon.docker)
    const first = await world.machines().create(wanted(), never)
    await started(world.nameOf())
    await daemon.docker.call('POST', `/containers/${first.id}/kill`)
    await until('it to be seen', async () => (await world.machines().observe('main', never)) === null)
    expect((await world.machines().create(wanted(), never)).id).toBe(first.id)
    await started(world.nameOf(), 2)
    await daemon.docker.call('DELETE', `/containers/${first.id}`, { query: { force: 'true' } })
    expect(await world.machines().observe('main', never)).toBeNull()
    expect((await world.machines().create(wanted(), never)).id).not.toBe(first.id)
    await world.machines().forget()
  })

  test('a stop keeps the volumes that are not ephemeral, and gives the agent its time', async () => {
    const world = createWorld(daemon.docker)
    const volumes = [
      { name: 'home', target: '/home/ada', readOnly: false, ephemeral: false },
      { name: 'scratch', target: '/scratch', readOnly: false, ephemeral: true },
    ]
    // On TERM the agent writes where the next container can read.
    await world.machines().create(wanted({ volumes, env: { HOME: '/home/ada' } }), never)
    await started(world.nameOf())
    await daemon.exec(world.nameOf(), 'sh', '-c', 'echo kept > /home/ada/kept; ln -sf /home/ada/ended /tmp/ended')
    await world.machines().destroy('main')
    expect(await existing(world.uid)).toEqual([0, 1, 0])
    await world.machines().create(wanted({ volumes, env: { HOME: '/home/ada' } }), never)
    expect(await daemon.exec(world.nameOf(), 'cat', '/home/ada/kept', '/home/ada/ended')).toBe('kept\nended')
    await world.machines().forget()
    expect(await existing(world.uid)).toEqual([0, 0, 0])
  })

  test('machines of one workspace share its network by name, which goes with the last of them', async () => {
    const world = createWorld(daemon.docker)
    const one = await world.machines().create(wanted({ network: 'workspace' }), never)
    const two = await world.machines().create(wanted({ name: 'two', network: 'workspace' }), never)
    expect([one.ip, two.ip].every((ip) => /^\d+\.\d+\.\d+\.\d+$/.test(ip))).toBe(true)
    expect(await daemon.exec(world.nameOf(), 'nslookup', 'two')).toContain(two.ip)
    await world.machines().destroy('main')
    expect(await existing(world.uid)).toEqual([1, 0, 1])
    await world.machines().destroy('two')
    expect(await existing(world.uid)).toEqual([0, 0, 0])
  })

  test('a command of the template runs beside the agent, without what is the agent’s', async () => {
    const world = createWorld(daemon.docker)
    const command = ['sh', '-c', 'trap "echo told > /out/told; exit" TERM; env > /tmp/beside; while :; do sleep 0.1; done']
    const volumes = [{ name: 'out', target: '/out', readOnly: false, ephemeral: false }]
    await world.machines().create(wanted({ command, volumes }), never)
    const beside = await until('the command', async () => {
      const text = await daemon.exec(world.nameOf(), 'cat', '/tmp/beside')
      return text.includes('COLOUR=') ? text : null
    })
    expect(beside).toContain('COLOUR=green')
    expect(beside).not.toMatch(/BOTHY_AGENT|BOTHY_URL/)
    await started(world.nameOf())
    expect(await daemon.exec(world.nameOf(), 'cat', '/tmp/token')).toBe('secret-of-agent-1')
    await world.machines().destroy('main')
    await world.machines().create(wanted({ volumes }), never)
    expect(await daemon.exec(world.nameOf(), 'cat', '/out/told')).toBe('told')
    await world.machines().forget()
  })

  test('a container of somebody else that has the name is left alone', async () => {
    const world = createWorld(daemon.docker)
    const name = world.nameOf()
    await daemon.docker.call('POST', '/containers/create', { query: { name }, body: { Image: 'bothy-test', Cmd: ['sleep', '60'] } })
    expect(await refusal(world.machines().create(wanted(), never))).toContain(`There is a container "${name}" that is not this workspace's`)
    expect(await world.machines().observe('main', never)).toBeNull()
    await world.machines().destroy('main')
    await world.machines().forget()
    expect(await containerNamed(daemon.docker, name)).not.toBeNull()
  })

  test('what cannot run the agent is said before it runs, and nothing is left of it', async () => {
    const world = createWorld(daemon.docker)
    expect(await refusal(world.machines().create(wanted({ image: 'bothy-bare' }), never))).toMatch(/no glibc[\s\S]*gcompat/)
    expect(await refusal(world.machines().create(wanted({ image: 'bothy-shellless' }), never))).toMatch(/no shell[\s\S]*\/bin\/sh/)
    expect(await refusal(world.machines().create(wanted({ agentId: 'other' }), never))).toContain('not one of this build')
    expect(await refusal(world.machines().create(wanted({ user: 'nobody-here' }), never))).toMatch(/unable to find user nobody-here/)
    expect(await existing(world.uid)).toEqual([0, 0, 0])
  })

  test('what the operator did not allow is refused, each with the word that allows it', async () => {
    const world = createWorld(daemon.docker)
    const all = wanted({ privileged: true, network: 'host', binds: [{ source: '/etc', target: '/host', readOnly: true }] })
    expect(
      world
        .machines()
        .refused(all)
        .map(({ path }) => path[0]),
    ).toEqual(['bind', 'privileged', 'network'])
    expect(world.machines().refused(wanted({ network: 'others' }))[0]?.detail).toContain('BOTHY_CONTAINER_ALLOW=networks')
    const allowed = new Set(['bind', 'privileged', 'host-network', 'networks'])
    expect(world.machines({ allowed }).refused(all)).toEqual([])
    for (const network of ['none', 'bridge', 'workspace', null]) expect(world.machines().refused(wanted({ network }))).toEqual([])
    await world.machines({ allowed }).create(wanted({ binds: all.binds }), never)
    expect(await daemon.exec(world.nameOf(), 'ls', '/host')).toContain('passwd')
    await world.machines().forget()
  })
})
