import { FitAddon } from './addon-fit.mjs'
import { Terminal } from './xterm.mjs'
import { dataIn, FRAME, frame, jsonIn, offsetIn, resizeFrame } from './frames.js'
import { createLine } from './line.js'
import { keepStylesStrict } from './strict-styles.js'
import { createTyping } from './typing.js'

keepStylesStrict(document)

/** A terminal of a workspace. It is the same one after the connection was lost. */

const THEME = { background: '#0c100e', foreground: '#dfe8e3', cursor: '#6fcfb2', cursorAccent: '#0c100e', selectionBackground: '#2f4a40' }
const AWAY = 'The connection was lost. Your commands go on; coming back…'
const DIM = (text) => `\x1b[2m${text}\x1b[0m\r\n`

export function openTerminal(screen, { ref, agent, command, notice }) {
  const { term, fit } = drawn(screen)
  const id = crypto.randomUUID()
  const size = () => ({ cols: term.cols, rows: term.rows })
  let [offset, over] = [null, false]

  const finish = (text) => {
    over = true
    line.close()
    notice('')
    term.write(`\r\n${DIM(text)}`)
    term.options.cursorBlink = false
  }
  const takes = {
    [FRAME.started](payload) {
      const seen = jsonIn(payload)
      if (seen.reset) term.reset()
      if (seen.preamble) term.write(seen.preamble)
      if (seen.lost && offset === null) term.write(DIM(seen.lost))
      offset = seen.offset
      typing.begin()
      line.isWell()
      notice('')
    },
    [FRAME.stdout](payload) {
      const data = dataIn(payload)
      offset = offsetIn(payload) + data.length
      term.write(data.slice())
    },
    [FRAME.stdinAck]: (payload) => typing.taken(offsetIn(payload)),
    [FRAME.exit]: (payload) => finish(`[it ended with code ${jsonIn(payload).code}]`),
    [FRAME.refused]: (payload) => finish(`[${jsonIn(payload).message}]`),
  }
  const line = createLine({
    ref,
    agent,
    first: () => ({
      id,
      size: size(),
      // What was left for too long is not begun anew behind somebody's back.
      create: offset === null,
      argv: command ? ['sh', '-c', command] : [],
      cwd: null,
      env: { TERM: 'xterm-256color' },
      offset,
    }),
    onFrame: (type, payload) => takes[type]?.(payload),
    onLost() {
      typing.end()
      if (!over) notice(AWAY)
    },
    onRefused: (message) => finish(`[${message}]`),
  })
  const typing = createTyping(line.send)

  const encoder = new TextEncoder()
  term.onData((text) => typing.type(encoder.encode(text)))
  term.onBinary((text) => typing.type(Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff)))
  term.onResize(() => line.send(resizeFrame(size())))
  const resized = new ResizeObserver(() => screen.clientHeight > 0 && fit.fit())
  resized.observe(screen)

  return {
    focus: () => term.focus(),
    /** Nobody looks at it any more, so what runs there ends. */
    close() {
      if (!over) line.send(frame(FRAME.signal, encoder.encode('SIGHUP')))
      over = true
      resized.disconnect()
      line.close()
      term.dispose()
    },
  }
}

function drawn(screen) {
  const term = new Terminal({
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
    fontSize: 14,
    scrollback: 5000,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    theme: THEME,
  })
  const fit = new FitAddon()
  term.loadAddon(fit)
  term.open(screen)
  fit.fit()
  return { term, fit }
}
