import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Job } from '../../controller/store/records.ts'
import { newestState } from '../../controller/store/states.ts'
import { requestCancel } from '../../controller/store/queue-jobs.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { perlTemplate } from './perl.ts'
import { createWorld, workspace, type World } from './world.ts'

const { db } = await withDatabase()

const MEBIBYTE = 1024 ** 2

/** What the script told, line by line. */
async function toldIn(world: World, job: Job): Promise<string[]> {
  const log = await world.logOf(job)
  return [...log.matchAll(/told: (.*)$/gm)].map((match) => match[1] ?? '')
}

const listening = (place: string | { readonly port: number; readonly host: string }): Promise<{ readonly server: Server; met(): number }> =>
  new Promise((resolve, reject) => {
    let met = 0
    const server = createServer((socket) => {
      met += 1
      socket.destroy()
    })
    server.once('error', reject)
    server.listen(place, () => resolve({ server, met: () => met }))
    onTestFinished(() => void server.close())
  })

test('a program of a template sees nobody else: no processes, no files, no sockets, no network', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  mkdirSync(join(world.stateDir, 'builds', '999999'), { recursive: true })
  writeFileSync(join(world.stateDir, 'key'), 'secret')
  const unix = join(world.stateDir, 'host.sock')
  const [socket, abstract, tcp] = [
    await listening(unix),
    await listening(`\0bothy-test-${process.pid}`),
    await listening({ port: 0, host: '127.0.0.1' }),
  ]
  const address = tcp.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const digest = await perlTemplate(
    db,
    `
sub unix { my $path = shift; socket(my $s, 1, 1, 0) or return "no socket"; connect($s, pack("S a108", 1, $path)) ? "reached" : "$!" }
sub tcp { my ($ip, $port) = @_; socket(my $s, 2, 1, 0) or return "no socket"; connect($s, pack("S n C4 x8", 2, $port, split(/\\./, $ip))) ? "reached" : "$!" }
opendir(my $d, "/proc"); told("processes", join(",", sort { $a <=> $b } grep { /^\\d+$/ && $_ != $$ } readdir($d)));
told("parent", getppid() <= 20 ? "near" : "far");
for my $f ("/etc/passwd", "/etc/shadow", "/root", "/home", "/var/run/docker.sock", "${world.stateDir}/key", "${world.stateDir}", "/build/../key", "/proc/1/root${world.stateDir}/key", "/sys/fs/cgroup", "/run", "/prepared", "/dev/sda", "/dev/mem", "/dev/kmsg") { told("there", $f) if -e $f }
told("unix", unix("${unix}"));
told("abstract", unix("\\0bothy-test-${process.pid}"));
told("tcp", tcp("127.0.0.1", ${port}));
told("metadata", tcp("169.254.169.254", 80));
told("dns", tcp("10.255.255.53", 53));
told("signal", kill(9, 2 ** 20) ? "sent" : "$!");
told("ptrace", syscall(101, 16, ${process.pid}, 0, 0) == 0 ? "attached" : "$!");
my ($none, $tmp, $type, $sda) = ("none", "/tmp", "tmpfs", "/tmp/sda");
told("mount", syscall(165, $none, $tmp, $type, 0, 0) == 0 ? "mounted" : "$!");
told("root", syscall(105, 0) == 0 ? "became root" : "$!");
told("chroot", chroot("/tmp") ? "changed" : "$!");
told("env", join(",", sort grep { /BOTHY|DATABASE|CODER|PG|SECRET|TOKEN/ } keys %ENV));
told("write", open(my $w, ">", "/escaped") ? "written" : "$!");
told("bin", open(my $b, ">>", "/bin/terraform") ? "written" : "$!");
told("device", syscall(133, $sda, 0060666, 8 << 8) == 0 ? "made" : "$!");
`,
  )
  const job = await world.ended(await world.build(workspace(), digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const told = await toldIn(world, job)
  const saying = (what: string): string | undefined => told.find((line) => line.startsWith(`${what} `) || line === what)
  expect(told.filter((line) => line.startsWith('there'))).toEqual([])
  expect(
    (saying('processes') ?? '')
      .split(' ')[1]
      ?.split(',')
      .every((pid) => Number(pid) < 50),
  ).toBe(true)
  for (const what of ['unix', 'abstract', 'tcp', 'metadata', 'dns']) expect(saying(what)).toMatch(/No such file|refused|unreachable/)
  for (const what of ['signal', 'ptrace']) expect(saying(what)).toContain('No such process')
  for (const what of ['mount', 'root', 'chroot', 'device']) expect(saying(what)).toMatch(/not permitted/)
  expect(saying('write')).toMatch(/denied|Read-only/)
  expect(saying('bin')).toMatch(/denied|Read-only|busy/)
  expect(saying('env')?.trim()).toBe('env')
  expect([socket.met(), abstract.met(), tcp.met()]).toEqual([0, 0, 0])
  expect(readdirSync('/').includes('escaped')).toBe(false)
})

test('what a program leaves running ends with its build', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  const digest = await perlTemplate(
    db,
    'if (!fork()) { close(STDOUT); close(STDERR); syscall(112); if (!fork()) { sleep(1) while 1 } exit } wait(); told("left");',
  )
  const job = await world.ended(await world.build(workspace(), digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  await until('nothing of it to run', () => !processesWith('/build/tree/p/script.pl'))
})

test('a fork bomb fills its own room only', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', buildLimits: { processes: 60 } })
  const digest = await perlTemplate(
    db,
    'my $n = 0; while ($n < 2000) { my $pid = fork(); last if !defined $pid; if (!$pid) { sleep(30); exit } $n++ } told("started", $n < 60 ? "few" : "many", "$!"); kill(9, -1);',
  )
  const dev = workspace()
  const job = await world.ended(await world.build(dev, digest))
  expect((await toldIn(world, job))[0]).toMatch(/^started few .*unavailable/)
  const next = await world.ended(await world.build(workspace('next'), await world.template({ 'main.tf': '' })))
  expect(next.phase).toBe('Succeeded')
})

test('a program that takes memory without end is ended, and its state is kept', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', buildLimits: { memoryBytes: 300 * MEBIBYTE } })
  // Many small ones: the limit of each process alone would not hold them.
  const digest = await perlTemplate(
    db,
    'for (1..8) { last if !fork() } my @all; push @all, "x" x 1048576 for 1..150; told("took it"); sleep(60);',
  )
  const dev = workspace()
  const job = await world.ended(await world.build(dev, digest), 60_000)
  const sandbox = (await db.query<{ isolation: string }>('select isolation from provisioners order by last_seen_at desc limit 1'))[0]
    ?.isolation
  if (sandbox?.includes('control groups')) {
    expect([job.phase, job.errorReason]).toEqual(['Failed', 'LimitExceeded'])
    expect(job.error).toContain('300 MiB of memory')
  } else expect(job.phase).toBe('Failed')
})

test('a program that fills the disk is ended', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', buildLimits: { fileBytes: 20 * MEBIBYTE, folderBytes: 60 * MEBIBYTE } })
  const one = await perlTemplate(
    db,
    '$SIG{XFSZ} = "IGNORE"; open(my $f, ">", "/build/tree/big"); my $n = 0; while (syswrite($f, "x" x 1048576)) { $n++ } told("one file", $n);',
  )
  const first = await world.ended(await world.build(workspace('one'), one))
  expect([first.phase, await toldIn(world, first)]).toEqual(['Succeeded', ['one file 20']])
  const many = await perlTemplate(
    db,
    'for my $i (1..100000) { open(my $f, ">", "/build/home/f$i") or die; syswrite($f, "x" x 1048576); close($f); select(undef, undef, undef, 0.02) }',
  )
  const dev = workspace('many')
  const second = await world.ended(await world.build(dev, many))
  expect([second.phase, second.errorReason]).toEqual(['Failed', 'LimitExceeded'])
  expect(second.error).toContain('60 MiB into its folder')
  const sealed = await newestState(db, dev.uid)
  expect(sealed && world.sealer.open(sealed, dev.uid).toString()).toContain('terraform_data')
})

test('a program that prints without end is ended, and its log stays small', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', buildLimits: { outputBytes: 4 * MEBIBYTE } })
  const digest = await perlTemplate(db, 'my $line = "y" x 1000 . "\\n"; print $line x 100 while 1;')
  const job = await world.ended(await world.build(workspace(), digest), 60_000)
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'LimitExceeded'])
  const [row] = await db.query<{ bytes: string }>('select sum(length(text)) as bytes from job_logs where job_id = $1', [job.id])
  expect(Number(row?.bytes)).toBeLessThan(5 * MEBIBYTE)
  expect(await world.logOf(job)).not.toBe('')
})

test('a program that never ends has the time of a build, and can be canceled', async () => {
  const world = await createWorld(db)
  const hurried = await world.provisioner({ isolation: 'required', limits: { buildMs: 4000, graceMs: 20_000 } })
  const digest = await perlTemplate(db, '$SIG{INT} = $SIG{TERM} = "IGNORE"; told("asleep"); sleep(1) while 1;')
  const late = await world.ended(await world.build(workspace('late'), digest))
  expect([late.phase, late.errorReason]).toEqual(['Failed', 'BuildTimeout'])
  await hurried.close()
  const patient = await createWorld(db)
  await patient.provisioner({ isolation: 'required', limits: { graceMs: 500 } })
  const job = await patient.build(workspace('canceled'), digest)
  await until('it to sleep', async () => (await toldIn(patient, job)).length > 0)
  await requestCancel(db, job.id, 'ada')
  expect((await patient.ended(job)).phase).toBe('Canceled')
})

const processesWith = (text: string): boolean =>
  readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
