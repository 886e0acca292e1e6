import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** Workspaces whose clocks are the real ones: what they are declared to be, and what becomes of them. */

export interface WorkspaceJson {
  readonly metadata: { readonly uid: string }
  readonly status: {
    readonly state: string
    readonly schedule?: Readonly<Record<string, string>>
    readonly activity?: { readonly sources: readonly { readonly kind: string; readonly by?: string }[] }
    readonly build: {
      readonly number: number
      readonly transition: string
      readonly reason: string
      readonly phase: string
      readonly finishedAt?: string
    }
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

export const seen = (home: Home, name: string) => home.json<WorkspaceJson>('get', 'workspace', name)
export const reasonsOf = async (home: Home, name: string): Promise<(string | undefined)[]> =>
  (await home.run(['events', `workspace/${name}`, '-o', 'json'])).stdout.split('\n').map((line) => /"reason":"(\w+)"/.exec(line)?.[1])

export const becomes = (home: Home, name: string, what: string, is: (workspace: WorkspaceJson) => boolean, limitMs: number) =>
  until(
    `${name} to be ${what}`,
    async () => {
      const workspace = await seen(home, name)
      return is(workspace) ? workspace : null
    },
    { limitMs, everyMs: 500 },
  )
export const running = ({ status }: WorkspaceJson) => status.conditions.some(({ type, status: is }) => type === 'Running' && is === 'True')
export const stopped = ({ status }: WorkspaceJson) => status.state === 'Stopped'

/** Minute and hour of the first whole minute that is at least so long ahead, as a schedule. */
export function scheduleIn(ms: number): string {
  const at = new Date(Math.ceil((Date.now() + ms) / 60_000) * 60_000)
  return `CRON_TZ=UTC ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`
}

export function declare(home: Home, template: string, workspaces: Readonly<Record<string, string>>): void {
  writeFileSync(
    join(home.folder, 'template.yaml'),
    `apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: hello}\nspec:\n  source: {type: Folder, folder: {path: ./hello}}\n${template}`,
  )
  const documents = Object.entries(workspaces).map(
    ([name, more]) =>
      `apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec:\n  template: {name: hello}\n${more}`,
  )
  writeFileSync(join(home.folder, 'workspace.yaml'), documents.join('---\n'))
}
