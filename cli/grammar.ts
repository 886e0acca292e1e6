import type { CommandSpec } from './command-spec.ts'
import { ACCESS } from './grammar/access.ts'
import { DECLARE } from './grammar/declare.ts'
import { ENTER } from './grammar/enter.ts'
import { LOOK } from './grammar/look.ts'
import { PROGRAM } from './grammar/program.ts'
import { REQUESTS } from './grammar/requests.ts'
import { RUN } from './grammar/run.ts'
import { TEMPLATE } from './grammar/template.ts'

/** Every command as data: the help, the parser and the shells' completion all read this table. */
export const COMMANDS: readonly CommandSpec[] = [...RUN, ...ACCESS, ...DECLARE, ...LOOK, ...TEMPLATE, ...REQUESTS, ...ENTER, ...PROGRAM]
