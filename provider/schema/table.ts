import { AGENT_ENTRY } from './agent.ts'
import { APP_ENTRY } from './app.ts'
import { ASKED_ENTRIES } from './asked.ts'
import { DECLARATION_ENTRIES } from './declarations.ts'
import { CONTAINER_ENTRY } from './container.ts'
import { ENV_ENTRY } from './env.ts'
import { METADATA_ENTRY } from './metadata.ts'
import { optional, typeNames, type Block, type Entry } from './model.ts'
import { PARAMETER_ENTRY } from './parameter.ts'
import { POD_ENTRY } from './pod.ts'
import { PRESET_ENTRY } from './preset.ts'
import { PROCESS_ENTRY } from './process.ts'
import { notEmpty, url } from './rules.ts'
import { SCRIPT_ENTRY } from './script.ts'
import { WORKSPACE_ENTRIES } from './workspace.ts'

/** Every type this provider serves. */
export const TABLE: readonly Entry[] = [
  ...WORKSPACE_ENTRIES,
  PARAMETER_ENTRY,
  PRESET_ENTRY,
  ...ASKED_ENTRIES,
  AGENT_ENTRY,
  SCRIPT_ENTRY,
  ENV_ENTRY,
  APP_ENTRY,
  METADATA_ENTRY,
  ...DECLARATION_ENTRIES,
  PROCESS_ENTRY,
  CONTAINER_ENTRY,
  POD_ENTRY,
]

export const PROVIDER_BLOCK: Block = {
  description: 'Workspaces as a template sees them.',
  attributes: { url: optional('string', 'Where the control plane is reached; left out: what the build says.', { rules: [notEmpty, url] }) },
}

const byTypeName = (kind: Entry['kind']): ReadonlyMap<string, Entry> =>
  new Map(TABLE.filter((entry) => entry.kind === kind).flatMap((entry) => typeNames(entry).map((name) => [name, entry] as const)))

export const RESOURCES = byTypeName('resource')
export const DATA_SOURCES = byTypeName('data')
