import { randomUUID } from 'node:crypto'
import { agent } from './agent.ts'
import { NO_SECRET, type ResourceHand } from './hand.ts'
import { process } from './process.ts'

/** Says something to the control plane, which reads it in the state: there is nothing to make. */
const declaration: ResourceHand = {
  create: async (planned) => ({ state: { ...planned, id: randomUUID() }, secret: NO_SECRET }),
}

export const RESOURCE_HANDS: Readonly<Record<string, ResourceHand>> = {
  agent,
  process,
  script: declaration,
  env: declaration,
  app: declaration,
  metadata: declaration,
}
