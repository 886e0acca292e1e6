import { expect, test } from 'vitest'
import { configured, shownAddress, typeIn } from '../../controller/kernel/addresses.ts'

test.each([
  ['docker_volume.home', 'docker_volume'],
  ['docker_volume.home[0]', 'docker_volume'],
  ['data.aws_ami.debian', 'aws_ami'],
  ['module.coder_home.docker_volume.home', 'docker_volume'],
  ['module.a["x.coder_agent.y"].module.bothy_b[1].docker_volume.home["a\\"].b"]', 'docker_volume'],
  ['docker_volume.home["a.coder_agent.b"]', 'docker_volume'],
  ['module.x.coder_agent.main', 'coder_agent'],
])('%s is a %s', (address, type) => {
  expect(typeIn(address)).toBe(type)
})

test('an address in the configuration has no index', () => {
  expect(configured('module.a["x.y"].docker_volume.home[0]')).toBe('module.a.docker_volume.home')
})

test('a long address is cut where it is shown', () => {
  expect(shownAddress(`docker_volume.home["${'x'.repeat(1000)}"]`)).toHaveLength(512)
  expect(shownAddress('docker_volume.home')).toBe('docker_volume.home')
})
