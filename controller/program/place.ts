import { join } from 'node:path'

/** In it: a folder a digest, its archive beside it. */
export const programsFolder = (stateDir: string): string => join(stateDir, 'agent-program')
