import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * The files that take longest, the longest first: whoever comes last runs alone, and the others wait for it. The order is
 * rough; what is not named takes less than they do. Vitest itself knows this only of what has run here before.
 */
const LONGEST = [
  'test/deploy/image.test.ts',
  'test/pods/adopted.test.ts',
  'test/pods/workspace.test.ts',
  'test/pods/readme.test.ts',
  'test/deploy/running.test.ts',
  'test/kubectl/through.test.ts',
  'test/flow/kill.test.ts',
  'test/flow/workspace-life.test.ts',
  'test/flow/sleep-and-wake.test.ts',
  'test/flow/ctrl-c.test.ts',
  'test/kubectl/plugin.test.ts',
  'test/deploy/apply.test.ts',
  'test/cluster/kubernetes-faults.test.ts',
  'test/cluster/kubernetes.test.ts',
  'test/differential/differential.test.ts',
  'test/cli/commands.test.ts',
  'test/cli/template.test.ts',
  'test/pods/trouble.test.ts',
  'test/simulation/simulation.test.ts',
  'test/provision/two-provisioners.test.ts',
  'test/deploy/docs.test.ts',
  'test/deploy/chart.test.ts',
  'test/docker/exchange.test.ts',
  'test/ssh/openssh.test.ts',
  'test/oracle/corpus.test.ts',
] as const

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const root = resolve(import.meta.dirname, '../..')
    const gone = LONGEST.filter((path) => !existsSync(resolve(root, path)))
    if (gone.length > 0) throw new Error(`${gone.join(', ')} is among the longest tests, and is not there`)
    const places = new Map<string, number>(LONGEST.map((path, at) => [path, at]))
    const place = ({ moduleId }: TestSpecification) => places.get(relative(root, moduleId)) ?? LONGEST.length
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}
