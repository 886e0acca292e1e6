import { expect, test } from 'vitest'
import type { Template, TemplateDeclared, WorkspaceDeclared, WorkspaceRequest } from '../../crds/types.ts'
import { created } from './support/objects.ts'

/** Most of this is for the compiler: a type that no longer fits makes `tsc` fail at its line. */

const ttlOf = (template: Template): string => template.spec.schedule.ttl
// @ts-expect-error the schedule of what is declared may be missing
const ttlDeclared = (template: TemplateDeclared): string => template.spec.schedule.ttl

test('what is declared may leave out what has a default, what is stored has it', () => {
  const declared: WorkspaceDeclared = {
    apiVersion: 'bothy.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'dev' },
    spec: { template: { name: 'node' } },
  }
  expect(created('Workspace', { ...declared }).object.spec).toMatchObject({ power: 'Auto' })
  expect([ttlOf, ttlDeclared]).toHaveLength(2)
})

function pathOf({ spec: { source } }: Template): string | null {
  switch (source.type) {
    case 'Folder':
      return source.folder.path
    case 'Repository':
      return source.repository.path
    case 'Inline':
      // @ts-expect-error files written into the object are in no folder
      return source.folder.path
    case 'ConfigMap':
      return source.configMap.name
  }
}

test('the type of a source tells which field it has', () => {
  const stored = created('Template', { spec: { source: { type: 'Repository', repository: { name: 'templates' } } } }).object
  expect(pathOf(stored as unknown as Template)).toBe('.')
})

function stop(request: WorkspaceRequest): void {
  // @ts-expect-error fields are readonly
  request.spec.action = 'Stop'
}

test('nothing of an object can be changed in place', () => {
  expect(stop).toBeTypeOf('function')
})
