import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'
import { givenPrograms } from './given/programs.ts'

/** Which programs are taken. That a cluster can be made of them shows with every other test here, run with KUBEBUILDER_ASSETS. */

function folderOf(programs: Readonly<Record<string, string>>): string {
  const folder = join(temporaryFolder(), 'assets')
  mkdirSync(folder)
  for (const [name, says] of Object.entries(programs)) writeFileSync(join(folder, name), `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 })
  return folder
}

const APISERVER = { 'kube-apiserver': 'Kubernetes v1.35.4' }
const ETCD = { etcd: 'etcd Version: 3.6.5' }

test('a server and its etcd are taken, and a controller manager where there is one', async () => {
  const bare = folderOf({ ...APISERVER, ...ETCD })
  expect(await givenPrograms(bare)).toEqual({
    apiserver: [process.execPath, expect.stringMatching(/given\/supervisor\.ts$/), '-assets', bare],
    manager: null,
    node: null,
  })
  const full = folderOf({ ...APISERVER, ...ETCD, 'kube-controller-manager': 'Kubernetes v1.35.4' })
  expect(await givenPrograms(full)).toMatchObject({ manager: join(full, 'kube-controller-manager') })
})

test.for([
  ['nothing is there', {}, 'it has no program kube-apiserver'],
  ['etcd is missing', APISERVER, 'it has no program etcd'],
  [
    'the server is too old',
    { 'kube-apiserver': 'Kubernetes v1.29.9', ...ETCD },
    'its kube-apiserver is v1.29.9, and 1.30 is the oldest that will do',
  ],
  ['etcd is too old', { ...APISERVER, etcd: 'etcd Version: 3.4.1' }, 'its etcd is 3.4.1, and 3.5 is the oldest that will do'],
  ['it says no version', { 'kube-apiserver': 'hello', ...ETCD }, 'kube-apiserver --version says no version'],
] as const)('%s: it is said what to do', async ([, programs, why]) => {
  const folder = folderOf(programs)
  expect(await givenPrograms(folder)).toEqual({ missing: expect.stringContaining(`KUBEBUILDER_ASSETS is ${folder}: ${why}`) })
})
