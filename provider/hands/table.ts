import { randomUUID } from 'node:crypto'
import { agent } from './agent.ts'
import { aiTask } from './ai-task.ts'
import { container } from './container.ts'
import { NO_SECRET, type ResourceHand } from './hand.ts'
import { pod } from './pod.ts'
import { process } from './process.ts'

/** Says something to the control plane, which reads it in the state: there is nothing to make. */
const declaration: ResourceHand = {
  create: async (planned) => ({ state: { ...planned, id: randomUUID() }, secret: NO_SECRET }),
}

export const RESOURCE_HANDS: Readonly<Record<string, ResourceHand>> = {
  agent,
  process,
  container,
  pod,
  script: declaration,
  env: declaration,
  app: declaration,
  metadata: declaration,
  agent_instance: declaration,
  external_agent: declaration,
  devcontainer: { create: async (planned) => ({ state: { ...planned, id: randomUUID(), subagent_id: randomUUID() }, secret: NO_SECRET }) },
  ai_task: aiTask,
}
