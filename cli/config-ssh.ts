import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { EXIT, Failure } from './failure.ts'
import { knownHostsFile } from './known-hosts.ts'
import { lineDiff } from './line-diff.ts'
import type { Options } from './options.ts'
import type { Session } from './session.ts'
import { proxyCommand, settings } from './ssh.ts'

/**
 * Teaches ssh, and everything that uses it, every workspace: three lines in the person's file that include one of ours.
 * An included file cannot change what stands around it, and in front it cannot be changed by what stands below.
 */

const BEGIN = '# >>> bothy config-ssh'
const END = '# <<< bothy config-ssh'

export async function run(session: Session, _args: readonly string[], options: Options): Promise<number> {
  const { environment, terminal } = session
  const given = options.text('file')
  const file = given === null ? join(homedir(), '.ssh', 'config') : resolve(given)
  const ours = join(environment.stateDir, 'ssh', 'config')
  const before = textOf(file)
  const remove = options.flag('remove')
  const after = remove ? withoutSection(before ?? '', file) : withSection(before ?? '', file, ours)
  const content = remove ? null : ourFile(session, options.text('url'))
  const changes = (before ?? '') !== after || content !== textOf(ours)
  const elsewhere = given === null && !remove ? whereSshLooks(file) : null
  if (elsewhere !== null && !terminal.quiet)
    terminal.err(
      `note: ssh does not look into ${file}: HOME is another home than that of your account, and ssh goes by the account. Say ssh -F ${file}, or write where it looks: ${environment.program} config-ssh --file ${elsewhere}`,
    )
  if (options.flag('dryRun')) {
    if (!changes) terminal.out(`${file} is as it should be`)
    for (const [path, from, to] of [
      [file, before ?? '', after],
      [ours, textOf(ours) ?? '', content ?? ''],
    ] as const) {
      if (from === to) continue
      terminal.out(`${path}:`)
      for (const line of lineDiff(from.split('\n'), to.split('\n'))) terminal.out(line)
    }
    return EXIT.done
  }
  if (content === null) rmSync(ours, { force: true })
  else write(ours, content)
  if ((before ?? '') !== after) write(file, after)
  if (remove) terminal.out(changes ? `${file} knows nothing of workspaces any more` : `${file} knew nothing of workspaces`)
  else
    terminal.out(
      `${file} ${changes ? 'knows' : 'knew already'} every workspace: ssh NAME.bothy, or AGENT.NAME.bothy where it has several agents`,
    )
  return EXIT.done
}

/** ssh asks the database of users where one's home is, whatever HOME says. null: there. */
function whereSshLooks(file: string): string | null {
  try {
    const theirs = join(userInfo().homedir, '.ssh', 'config')
    return placeOf(theirs) === placeOf(file) ? null : theirs
  } catch {
    // Of a user that has no account ssh says itself that it cannot be.
    return null
  }
}

/** A home may be a link, and the file need not be there. */
function placeOf(file: string): string {
  const folder = dirname(dirname(file))
  return existsSync(folder) ? realpathSync(folder) : folder
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** What the commands here were told is told to what ssh starts; but no token: that is no thing for a file of many readers. */
function ourFile({ environment, homeFlags }: Session, url: string | null): string {
  const inCluster = homeFlags.length > 0
  const plane = inCluster ? null : (url ?? environment.url)
  const told = { BOTHY_STATE: environment.stateDir, ...(plane ? { BOTHY_URL: plane } : {}) }
  const variables = Object.entries(told).map(([name, value]) => `${name}=${quoted(value.replaceAll('%', '%%'))}`)
  const proxy = `env ${variables.join(' ')} ${proxyCommand(homeFlags)}`
  return [
    '# Written by bothy config-ssh: changes here are lost.',
    'Host *.bothy',
    ...settings(proxy, knownHostsFile(environment)).map(([name, value]) => `  ${name} ${value}`),
    '',
  ].join('\n')
}

/** The person's own lines are kept byte for byte. */
function withSection(text: string, file: string, ours: string): string {
  const section = `${BEGIN}\nInclude "${ours}"\n${END}\n`
  const found = sectionIn(text, file)
  if (found) return text.slice(0, found.from) + section + text.slice(found.to)
  return text === '' ? section : `${section}\n${text}`
}

function withoutSection(text: string, file: string): string {
  const found = sectionIn(text, file)
  if (!found) return text
  const rest = text.slice(found.to)
  // The empty line that was put between.
  return text.slice(0, found.from) + (found.from === 0 && rest.startsWith('\n') ? rest.slice(1) : rest)
}

function sectionIn(text: string, file: string): { readonly from: number; readonly to: number } | null {
  const from = text.startsWith(BEGIN) ? 0 : text.indexOf(`\n${BEGIN}`) + 1
  if (from === 0 && !text.startsWith(BEGIN)) return null
  const end = text.indexOf(END, from)
  if (end === -1)
    throw new Failure(EXIT.refused, {
      what: `the section of bothy in ${file} has no end, so it cannot be told from your own lines`,
      fix: `remove the line "${BEGIN}" and what belongs to it, and run this again`,
    })
  const to = text.indexOf('\n', end)
  return { from, to: to === -1 ? text.length : to + 1 }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new Failure(EXIT.didNotBecomeSo, {
      what: `${file} cannot be read`,
      where: error instanceof Error ? error.message : String(error),
    })
  }
}

/** Whole or not at all, through a link where the file is one, with the rights that it had. */
function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const place = existsSync(file) ? realpathSync(file) : file
  const mode = existsSync(place) ? statSync(place).mode & 0o777 : 0o600
  const unfinished = `${place}.${process.pid}.bothy`
  writeFileSync(unfinished, text, { mode })
  chmodSync(unfinished, mode)
  renameSync(unfinished, place)
}
