// Runs bytes through the HTTP framer and writes down what it tells, independent of how the bytes were cut.

import type { Direction } from '../../../src/core/connection.ts'
import { Connection, Stream } from '../../../src/core/connection.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { Timestamp } from '../../../src/core/timestamp.ts'
import { HeldMemory } from '../../../src/protocol/held-bytes.ts'
import { HttpFraming } from '../../../src/protocol/http/http-framing.ts'
import type { HttpMessage, HttpMessageConsumer } from '../../../src/protocol/http/http-message.ts'

/** Bytes in a direction (`>` from the client), or a gap in one. */
export type Step = readonly ['>' | '<', string | Buffer | number]

export function connection(): Connection {
  return new Connection(
    new Endpoint(4, 0, 0, 0, 0x0a000001, 40000),
    new Endpoint(4, 0, 0, 0, 0x0a000002, 80),
    new Stream(),
    new Stream(),
  )
}

export class Transcript implements HttpMessageConsumer {
  readonly lines: [string[], string[]] = [[], []]
  readonly messages: HttpMessage[] = []
  readonly bytes: [string, string] = ['', '']

  /** The line that pieces of this kind are still added to. To look at the line itself would flatten it for every byte. */
  readonly #open: [{ kind: string; line: number }, { kind: string; line: number }] = [
    { kind: '', line: -1 },
    { kind: '', line: -1 },
  ]

  #piece(d: Direction, kind: string, buf: Buffer, start: number, end: number): void {
    if (end <= start) throw new Error(`empty ${kind}`)
    const text = buf.toString('latin1', start, end)
    const lines = this.lines[d]
    this.bytes[d] += text
    const open = this.#open[d]
    if (open.kind === kind && open.line === lines.length - 1) {
      lines[open.line] += text
      return
    }
    lines.push(`${kind} ${text}`)
    this.#open[d] = { kind, line: lines.length - 1 }
  }

  onOther(_c: Connection, d: Direction, buf: Buffer, start: number, end: number): void {
    this.#piece(d, 'other', buf, start, end)
  }

  onHeadBytes(_c: Connection, d: Direction, buf: Buffer, start: number, end: number): void {
    this.#piece(d, 'head', buf, start, end)
  }

  onHead(_c: Connection, d: Direction, m: HttpMessage): void {
    this.messages.push(m)
    const told = this.lines[d].at(-1)!
    if (told.length - 'head '.length < m.headBytes) throw new Error(`${told}: not its head`)
    const what = m.isRequest ? `${m.method} ${m.target}` : `${m.status} to ${m.request?.target ?? 'nothing'}`
    const framing = m.framing === 'length' ? `length ${m.contentLength}` : m.framing
    this.lines[d].push([what, framing, ...m.codings].join(', '))
  }

  onBody(_c: Connection, d: Direction, _m: HttpMessage, buf: Buffer, start: number, end: number): void {
    this.#piece(d, 'body', buf, start, end)
  }

  onBodyGap(_c: Connection, d: Direction, _m: HttpMessage, missing: number, cause: string): void {
    this.lines[d].push(`gap of ${missing} (${cause})`)
  }

  onTrailers(_c: Connection, d: Direction, _m: HttpMessage, buf: Buffer, start: number, end: number): void {
    this.#piece(d, 'trailers', buf, start, end)
  }

  onEnd(_c: Connection, d: Direction, m: HttpMessage, how: string): void {
    this.lines[d].push(`${how} (${m.bodyBytes})`)
  }
}

/** Plays the steps, each cut into the pieces that `cut` gives (lengths; the last one is repeated). */
export function play(steps: readonly Step[], cut: readonly number[] = [], memory = new HeldMemory(1e9)): Transcript {
  const transcript = new Transcript()
  const c = connection()
  const framing = new HttpFraming(c, transcript, memory)
  const t = new Timestamp(1, 0)
  let index = 0
  for (const [arrow, what] of steps) {
    const d: Direction = arrow === '>' ? 0 : 1
    if (typeof what === 'number') {
      framing.onGap(d, what, 'capture', t)
      continue
    }
    // junk around the bytes, and overwritten afterwards: lent means lent
    const bytes = typeof what === 'string' ? Buffer.from(what, 'latin1') : what
    for (let pos = 0; pos < bytes.length; ) {
      const length = cut.length === 0 ? bytes.length : cut[Math.min(index++, cut.length - 1)]!
      const piece = bytes.subarray(pos, pos + length)
      const lent = Buffer.concat([Buffer.from('HTTP/1.1 '), piece, Buffer.from('\n\nGET / HTTP/1.1\n\n')])
      framing.onData(d, lent, 9, 9 + piece.length, t)
      lent.fill(0x58)
      pos += piece.length
    }
  }
  c.streams[0].sawFin = true
  c.streams[1].sawFin = true
  framing.onClose('finished', t)
  return transcript
}
