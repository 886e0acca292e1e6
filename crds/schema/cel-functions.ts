import type { CelEngine, CelFunction } from './cel-function.ts'
import { LIST_FUNCTIONS } from './cel-lists.ts'
import { QUANTITY_FUNCTIONS } from './cel-quantities.ts'
import { TEXT_FUNCTIONS } from './cel-texts.ts'
import { timeFunctions } from './cel-times.ts'

/** The whole list. */
export const celFunctions = (engine: CelEngine): readonly CelFunction[] => [
  ...TEXT_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...QUANTITY_FUNCTIONS,
  ...timeFunctions(engine),
]
