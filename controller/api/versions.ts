import { toIso } from '../kernel/clock.ts'
import { versionsOf } from '../store/versions.ts'
import { answerJson } from './answer.ts'
import type { ResourceHandler } from './ports.ts'
import { existing } from './resources.ts'

const VERSIONS_MAX = 1000

/** Every version that is kept, newest first, with what its import found out. Status has the last ten. */
export const versions: ResourceHandler = async (call, target) => {
  const { metadata } = await existing(call, target)
  const rows = await versionsOf(call.ports.db, metadata.uid, VERSIONS_MAX)
  answerJson(call.response, 200, {
    kind: 'TemplateVersionList',
    items: rows.map(({ digest, importedAt, failedAt, error, source, parameters, presets, facts }) => ({
      digest,
      source,
      importedAt: importedAt === null ? null : toIso(importedAt),
      failedAt: failedAt === null ? null : toIso(failedAt),
      error,
      parameters: parameters.length,
      presets: presets.length,
      facts,
    })),
  })
}
