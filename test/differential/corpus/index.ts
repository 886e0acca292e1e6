import type { Scenario } from '../harness/step.ts'
import { CORE } from './core.ts'
import { DECODE } from './decode.ts'
import { FIELDS } from './fields.ts'
import { HTTP } from './http.ts'
import { LIST } from './list.ts'
import { PATCH } from './patch.ts'
import { REMOVE } from './remove.ts'
import { RULES } from './rules.ts'
import { STATUS } from './status.ts'
import { VERSIONED } from './versions.ts'
import { WATCH } from './watch.ts'
import { WRITE } from './write.ts'

/** Everything that is asked of both servers, by theme: a file of the corpus, and a file of what the real one answered. */
export const CORPUS: Readonly<Record<string, readonly Scenario[]>> = {
  write: WRITE,
  patch: PATCH,
  status: STATUS,
  decode: DECODE,
  rules: RULES,
  fields: FIELDS,
  remove: REMOVE,
  list: LIST,
  watch: WATCH,
  versions: VERSIONED,
  http: HTTP,
  core: CORE,
}
