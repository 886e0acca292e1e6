import { expect, test } from 'vitest'
import { readConfig } from '../../controller/config.ts'
import { ANY_SOURCE, type SourceRules } from '../../controller/kernel/source-rules.ts'
import { fetchingConfig } from '../../controller/provision/cli-config.ts'
import { hierarchiesOf } from '../../controller/provision/control-groups.ts'
import { kindOfModule, mayFetchModule, mayFetchProvider, providerAddress } from '../../controller/provision/sources.ts'

const rules = (more: Partial<SourceRules>): SourceRules => ({ ...ANY_SOURCE, ...more })

const read = (env: Readonly<Record<string, string>>) => readConfig({}, env).provisioner.sources

test('addresses of providers are what terraform makes of them', () => {
  expect(['null', 'acme/x', 'Example.com/Acme/X', 'a/b/c/d', ''].map(providerAddress)).toEqual([
    'registry.terraform.io/hashicorp/null',
    'registry.terraform.io/acme/x',
    'example.com/acme/x',
    null,
    null,
  ])
})

test('patterns of providers mean what they mean to terraform', () => {
  const cases: readonly [readonly string[] | null, string, boolean][] = [
    [null, 'example.com/acme/x', true],
    [[], 'registry.terraform.io/hashicorp/null', false],
    [['hashicorp/*'], 'registry.terraform.io/hashicorp/null', true],
    [['hashicorp/*'], 'example.com/hashicorp/null', false],
    [['hashicorp/aws'], 'registry.terraform.io/hashicorp/null', false],
    [['*/*'], 'registry.terraform.io/any/thing', true],
    [['*/*'], 'example.com/any/thing', false],
    [['example.com/acme/*'], 'example.com/acme/x', true],
    [['example.com/*/*'], 'example.com/other/x', true],
    [['*/*/*'], 'example.com/other/x', true],
  ]
  for (const [providers, address, may] of cases)
    expect([providers, address, mayFetchProvider(rules({ providers }), address)]).toEqual([providers, address, may])
})

test('patterns of modules are compared as a whole, and nothing in them is more than a star', () => {
  const cases: readonly [string, string, boolean][] = [
    ['terraform-aws-modules/*', 'terraform-aws-modules/vpc/aws', true],
    ['terraform-aws-modules/*', 'registry.terraform.io/terraform-aws-modules/vpc/aws', true],
    ['git::https://github.com/acme/*', 'git::https://github.com/acme/x.git//y?ref=v1', true],
    ['git::https://github.com/acme/*', 'git::https://github.com/acme-evil/x.git', false],
    ['git::https://github.com/acme/*', 'x git::https://github.com/acme/x', false],
    ['https://a.b/x.zip', 'https://aXb/x.zip', false],
    ['*', 'anything at all', true],
  ]
  for (const [pattern, source, may] of cases)
    expect([pattern, source, mayFetchModule(rules({ modules: [pattern] }), source)]).toEqual([pattern, source, may])
  expect(['./x', '../x', '.', '/x', 'git::/x', 'file:///x', 'git::file:///x', '~/x', 'github.com/a/b', 'a/b/c'].map(kindOfModule)).toEqual([
    'local',
    'local',
    'local',
    'file',
    'file',
    'file',
    'file',
    'file',
    'remote',
    'remote',
  ])
})

test('the configuration of terraform allows what the operator allows, and nothing where that is nothing', () => {
  expect(fetchingConfig(rules({ providers: [] }), null)).toContain('provider_installation {\n}')
  const mirrored = fetchingConfig(rules({ mirror: '/srv/mirror', direct: false, providers: ['acme/*'] }), '/mirror')
  expect(mirrored).toContain('filesystem_mirror {\n    path = "/mirror"\n    include = ["acme/*"]\n')
  expect(mirrored).not.toContain('direct')
  expect(fetchingConfig(rules({ mirror: 'https://example.com/m' }), null)).toMatch(
    /network_mirror \{\n {4}url = "https:\/\/example\.com\/m\/"[\s\S]*direct \{/,
  )
})

test('what an operator says is read, and refused by the name of its variable', () => {
  expect(read({})).toEqual({ providers: null, modules: null, mirror: null, direct: true })
  expect(read({ BOTHY_PROVIDERS: 'hashicorp/*, example.com/acme/*', BOTHY_MODULES: 'none', BOTHY_PROVIDER_MIRROR: '/srv/mirror' })).toEqual(
    {
      providers: ['hashicorp/*', 'example.com/acme/*'],
      modules: [],
      mirror: '/srv/mirror',
      direct: false,
    },
  )
  expect(read({ BOTHY_PROVIDER_MIRROR: 'https://mirror.example.com/x', BOTHY_PROVIDER_DIRECT: '1' }).direct).toBe(true)
  for (const providers of ['aws', 'a/b/c/d', 'hash*/x', '*/acme/x', '*/x', 'a/ /b', 'a/"x"']) {
    expect(() => read({ BOTHY_PROVIDERS: providers })).toThrow('BOTHY_PROVIDERS=')
  }
  for (const mirror of ['mirror', 'http://example.com/', 'file:///x']) {
    expect(() => read({ BOTHY_PROVIDER_MIRROR: mirror })).toThrow('BOTHY_PROVIDER_MIRROR must be')
  }
})

test('control groups of both versions are found where they are', () => {
  const limits = { memoryBytes: 100, processes: 7 }
  const two = hierarchiesOf('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n', '0::/system.slice/bothy.service/main\n', limits)
  expect(two.map((each) => each.map(({ folder, limits: set }) => [folder, set]))).toEqual([
    [['/sys/fs/cgroup/system.slice/bothy.service/main', { 'memory.max': '100', 'memory.swap.max': '0', 'pids.max': '7' }]],
    [['/sys/fs/cgroup/system.slice/bothy.service', { 'memory.max': '100', 'memory.swap.max': '0', 'pids.max': '7' }]],
  ])
  const one = hierarchiesOf(
    'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n',
    '8:pids:/\n4:memory:/a/b\n',
    limits,
  )
  expect(one.map((each) => each.map(({ folder, limits: set }) => [folder, set]))).toEqual([
    [
      ['/sys/fs/cgroup/memory/a/b', { 'memory.limit_in_bytes': '100' }],
      ['/sys/fs/cgroup/pids/', { 'pids.max': '7' }],
    ],
  ])
  expect(hierarchiesOf('', '', limits)).toEqual([])
})
