import { readFileSync } from 'node:fs'
import { isJsonObject, own, type JsonObject } from './schema/types.ts'

/**
 * The definitions as JSON, made of the YAML beside this file by generate.ts: reading the YAML itself takes a program that
 * starts two hundred times as long. They ship with the program, so a missing one is a bug.
 */
export const DEFINITIONS_FILE = new URL('definitions.json', import.meta.url)

let definitions: unknown

export function readDefinition(kind: string): unknown {
  definitions ??= JSON.parse(readFileSync(DEFINITIONS_FILE, 'utf8'))
  const definition = isJsonObject(definitions) ? own(definitions, kind) : undefined
  if (definition === undefined) throw new Error(`crds/definitions.json has no ${kind}: npm run generate`)
  return definition
}

/** Metadata, and Kubernetes' own kinds that are served, as Kubernetes 1.35 describes them: taken from an API server's `/openapi/v3`. */
const KUBERNETES_FILE = new URL('kubernetes-schemas.json', import.meta.url)

export function readKubernetesSchemas(): JsonObject {
  const schemas: unknown = JSON.parse(readFileSync(KUBERNETES_FILE, 'utf8'))
  if (isJsonObject(schemas)) return schemas
  throw new Error('crds/kubernetes-schemas.json is no object')
}
