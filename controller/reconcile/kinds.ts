import { configMap } from './configmap.ts'
import type { Kind } from './kind.ts'
import { owner } from './owner/kind.ts'
import { template } from './template/kind.ts'
import { workspace } from './workspace/kind.ts'
import { workspacerequest } from './workspacerequest/kind.ts'

/** The table of kinds: a new one is an entry here and a folder beside it. */
/** Kinds that nobody reconciles, and whose changes somebody must hear of. */
export const FOLLOWED: ReadonlyMap<string, Pick<Kind, 'related' | 'shown'>> = new Map([['ConfigMap', configMap]])

export const KINDS: readonly Kind[] = [template, workspace, workspacerequest, owner]
