import { Socket } from 'node:net'
import type { Clock } from '../controller/kernel/clock.ts'
import type { ExecStarted, PtySize } from './protocol.ts'
import { exitOf, signalGroup, signalNumbered, spawnPiped, written, type Ended, type Running, type Spawn } from './spawn.ts'

export type PtyKind = 'native' | 'python3' | 'script'
export type Pty = Running & Pick<ExecStarted, 'lost'>

const KINDS: readonly PtyKind[] = ['native', 'python3', 'script']

/** A process in a terminal. The native module is optional: what stands in for it says what is lost. */
export async function spawnInPty(
  wanted: Spawn,
  size: PtySize,
  clock: Clock,
  find: (program: string) => string | null,
  kinds: readonly PtyKind[] = KINDS,
): Promise<Pty | null> {
  for (const kind of kinds) {
    if (kind === 'native') {
      const pty = await import('@lydell/node-pty').catch(() => null)
      if (pty) return native(pty, wanted, size, clock)
    } else {
      const program = find(kind)
      if (program && kind === 'python3') return throughPython(program, wanted, size)
      if (program) return throughScript(program, wanted, size)
    }
  }
  return null
}

/** How often a held-back terminal is asked whether its process is still there. */
const HELD_LOOK_MS = 50

function native(pty: typeof import('@lydell/node-pty'), { argv, cwd, env }: Spawn, { cols, rows }: PtySize, clock: Clock): Pty {
  const [program, ...args] = argv
  const terminal = pty.spawn(program, args, { cwd, env: { ...env }, cols, rows, encoding: null, name: env['TERM'] ?? 'xterm-256color' })
  // Its own write has no callback; the socket's has, and without one nothing would hold back who types too fast.
  const input = '_socket' in terminal && terminal._socket instanceof Socket ? terminal._socket : null
  if (input) readBeforeEnd(input)
  let held = false
  let over = false
  const ended = new Promise<Ended>((resolve) => {
    terminal.onExit(({ exitCode, signal }) => {
      over = true
      const name = signal ? signalNumbered(signal) : null
      resolve({ ...exitOf(name ? null : exitCode, name), pipesLeftOpen: false })
    })
  })
  const resume = () => {
    held = false
    if (!over) terminal.resume()
  }
  const watchHeld = () => {
    if (!held || over) return
    if (alive(terminal.pid)) clock.after(HELD_LOOK_MS, watchHeld)
    else resume()
  }
  return {
    pid: terminal.pid,
    lost: '',
    ended,
    onOutput: (listener) =>
      void terminal.onData((data: unknown) => listener('stdout', Buffer.isBuffer(data) ? data : Buffer.from(String(data)))),
    pause: () => {
      if (over || held) return
      held = true
      terminal.pause()
      watchHeld()
    },
    resume,
    write: (data) => (over ? Promise.resolve() : written(input, data)),
    endInput: () => {
      if (!over) void written(input, END_OF_TRANSMISSION)
    },
    resize: (cols, rows) => {
      if (over || cols <= 0 || rows <= 0) return
      try {
        terminal.resize(cols, rows)
      } catch {
        // It has just ended, and nobody was told yet.
      }
    },
    signal: (name) => signalGroup(terminal.pid, name),
  }
}

/** More than the system keeps of what a terminal said. */
const UNREAD_BYTES_MAX = 128 * 1024

/**
 * The module destroys a terminal 200 ms after its process ended, read or not: where it was held back, or where we were not run
 * for so long, its last words would be lost. They are read first, as long as there are any; a job that goes on may have more without end.
 */
function readBeforeEnd(socket: Socket): void {
  const destroy = socket.destroy.bind(socket)
  socket.destroy = (error) => {
    if (error) return destroy(error)
    const most = socket.bytesRead + UNREAD_BYTES_MAX
    let read = -1
    const look = () => {
      if (socket.bytesRead === read || socket.bytesRead > most) return void destroy()
      read = socket.bytesRead
      setImmediate(look)
    }
    socket.resume()
    setImmediate(look)
    return socket
  }
}

const END_OF_TRANSMISSION = Buffer.from([4])

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Sizes come as lines on file descriptor 3. It ends as its child ended. */
const PYTHON = `
import fcntl, os, pty, select, signal, struct, sys, termios
def size(fd, cols, rows): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))
pid, master = pty.fork()
if pid == 0:
    os.close(3)
    size(0, int(sys.argv[1]), int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])
for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(name, lambda number, frame: os.killpg(pid, number))
pending, sources = b'', [0, 3, master]
while True:
    readable, writable, _ = select.select([s for s in sources if s != 0 or not pending], [master] if pending else [], [])
    if writable: pending = pending[os.write(master, pending):]
    if 3 in readable:
        lines = os.read(3, 4096)
        if not lines: sources.remove(3)
        elif lines.strip(): size(master, *map(int, lines.strip().split(b'\\n')[-1].split()))
    if 0 in readable:
        data = os.read(0, 4096)
        if not data: sources.remove(0)
        pending += data or b'\\x04'
    if master in readable:
        try: data = os.read(master, 32768)
        except OSError: data = b''
        if not data: break
        while data: data = data[os.write(1, data):]
status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
`

function throughPython(python: string, wanted: Spawn, { cols, rows }: PtySize): Pty {
  const child = spawnPiped({ ...wanted, argv: [python, '-c', PYTHON, String(cols), String(rows), ...wanted.argv], stdin: true }, true)
  return {
    ...child,
    resize: (cols, rows) => void child.control?.write(`${cols} ${rows}\n`),
    lost: 'the terminal runs through python3, since the native module does not load here: it is slower',
  }
}

function throughScript(script: string, wanted: Spawn, { cols, rows }: PtySize): Pty {
  const command = `stty cols ${cols} rows ${rows}; exec ${wanted.argv.map(quoted).join(' ')}`
  const child = spawnPiped({ ...wanted, argv: [script, '-qefc', command, '/dev/null'], stdin: true })
  return {
    ...child,
    endInput: () => void child.write(END_OF_TRANSMISSION),
    lost: 'the terminal runs through script, since neither the native module nor python3 is here: it keeps its first size',
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
