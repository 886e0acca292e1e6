import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { messageOf } from '../controller/kernel/errors.ts'
import { EXIT, Failure } from './failure.ts'
import type { Run, Session } from './session.ts'

/** How kubectl finds a standalone: by a file of its own, or, when somebody asks for that, by their own kubeconfig. */
export const run: Run = async (session, _args, options) => {
  const named = options.text('kubeconfig')
  const { environment, terminal, output } = session
  const own = join(environment.stateDir, 'kubeconfig')
  if (!existsSync(own))
    throw new Failure(EXIT.unreachable, {
      what: 'there is no kubeconfig yet',
      where: environment.stateDir,
      fix: `${environment.program} up writes it`,
    })
  if (!options.flag('merge')) {
    terminal.out(output === 'json' ? JSON.stringify({ kubeconfig: own }) : `export KUBECONFIG=${quoted(own)}`)
    return EXIT.done
  }
  // The one of its own is whole already.
  const file = named ?? environment.kubeconfigs.find((each) => each !== own) ?? join(homedir(), '.kube', 'config')
  await mergeInto(session, file, own)
  terminal.out(
    output === 'json' ? JSON.stringify({ kubeconfig: file }) : `${file} has the context bothy now: kubectl --context bothy get workspaces`,
  )
  return EXIT.done
}

const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

async function mergeInto(session: Session, named: string, own: string): Promise<void> {
  const { mergedKubeconfig } = await import('./kubeconfig-merge.ts')
  mkdirSync(dirname(named), { recursive: true, mode: 0o700 })
  // A link stays one.
  const file = existsSync(named) ? realpathSync(named) : named
  const unlock = locked(file)
  try {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const after = merged(file, () => mergedKubeconfig(before, readFileSync(own, 'utf8')))
    if (after === before) return
    const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o600
    if (before !== '') {
      const kept = freeName(`${file}.before-bothy`)
      writeWhole(kept, before, mode)
      if (!session.terminal.quiet) session.terminal.err(`what it was before is in ${kept}`)
    }
    writeWhole(file, after, mode)
  } finally {
    unlock()
  }
}

function merged(file: string, merge: () => string): string {
  try {
    return merge()
  } catch (error) {
    throw new Failure(EXIT.didNotBecomeSo, {
      what: `nothing was merged: ${messageOf(error)}`,
      where: file,
      fix: 'mend it, or use the file that was written beside the state: export KUBECONFIG=…',
    })
  }
}

/** As kubectl locks it. */
function locked(file: string): () => void {
  const lock = `${file}.lock`
  try {
    closeSync(openSync(lock, 'wx', 0o600))
  } catch (error) {
    throw new Failure(EXIT.refused, {
      what: `another program is writing it: ${messageOf(error)}`,
      where: file,
      fix: `try again; remove ${lock} if nobody is`,
    })
  }
  return () => rmSync(lock, { force: true })
}

/** Nothing that was kept is written over: the first is what somebody had before there was any Bothy. The lock makes it ours. */
function freeName(name: string): string {
  for (let number = 1; ; number += 1) {
    const numbered = number === 1 ? name : `${name}.${number}`
    if (!existsSync(numbered)) return numbered
  }
}

/** Readers see the old text or the new one, also after a crash. */
function writeWhole(file: string, text: string, mode: number): void {
  const beside = `${file}.${process.pid}.new`
  writeFileSync(beside, text, { mode })
  chmodSync(beside, mode)
  const opened = openSync(beside, 'r')
  fsyncSync(opened)
  closeSync(opened)
  renameSync(beside, file)
}
