import type { ServerHttp2Stream } from 'node:http2'
import { isAck } from './messages.ts'
import type { Reports } from './reports.ts'

const ACK_LENGTH_MAX = 256

/** Reports go out as lines of JSON, oldest first; each line that comes back says how far they are stored. */
export function serveEvents(stream: ServerHttp2Stream, reports: Reports): void {
  let sent = 0
  let rest = ''
  let waiting = false

  const send = () => {
    waiting = false
    if (stream.destroyed || stream.writableEnded || stream.writableNeedDrain) return
    for (const report of reports.after(sent)) {
      sent = report.seq
      if (!stream.write(`${JSON.stringify(report)}\n`)) return
    }
  }
  // A burst of lines is one turn of work.
  const soon = () => {
    if (waiting) return
    waiting = true
    setImmediate(send)
  }
  const take = (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > ACK_LENGTH_MAX) return stream.close()
    for (const line of lines) {
      const ack = parsed(line)
      if (isAck(ack)) reports.acknowledge(ack.ack)
    }
  }

  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
  stream.setEncoding('utf8')
  stream.on('data', take)
  stream.on('drain', send)
  stream.on('close', reports.onChange(soon))
  send()
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
