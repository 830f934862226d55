// Damaged HTTP through all users of the framer: bodies decoded for reading, bodies for files, and exchanges.
// Input: records of flags (bit 0 direction, bit 1 a gap of the length instead of bytes, bit 2 end of the connection, the
// rest how to cut) and length (16 bits, big-endian), and the bytes.

import assert from 'node:assert/strict'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { BodyConsumer } from '../../../src/core/body-consumer.ts'
import { type CloseReason, Connection, type Direction, Stream } from '../../../src/core/connection.ts'
import type { StreamConsumer } from '../../../src/core/consumers.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import type { Exchange, ExchangeConsumer } from '../../../src/core/exchange.ts'
import { Timestamp } from '../../../src/core/timestamp.ts'
import { ExchangeStreams } from '../../../src/protocol/exchange-streams.ts'
import { raw } from '../../../src/protocol/raw/raw.ts'
import { EXCHANGE_PROTOCOLS } from '../../../src/protocol/registry.ts'
import { DecodeBodies } from '../../../src/transform/decode-bodies.ts'
import { HttpBodies } from '../../../src/transform/http-bodies.ts'
import { UnpackBudget } from '../../../src/transform/unpack-budget.ts'
import { checkSlice } from '../checking-consumer.ts'
import { mutate } from '../mutate.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

const SERVER = 1
const GAP = 2
const END = 4
/** What a body may swell to, as decoded-body.ts promises, for all bodies of an input and both users. */
const MAXIMUM_OUTPUT_BYTES = 64 * 1024 * 1024
const OUTPUT_RATIO = 300

export const http: FuzzTarget = {
  name: 'http',
  generate(random) {
    const records: Buffer[] = []
    for (let count = 1 + random.below(6); count > 0; count--) {
      const asked = records.length === 0 ? Buffer.concat([preface(random), request(random)]) : request(random)
      records.push(record(random, 0, asked), record(random, SERVER, response(random)))
    }
    if (random.oneIn(4)) records.splice(random.below(records.length), 1)
    records.push(record(random, END, Buffer.alloc(0)))
    return Buffer.concat(records)
  },
  start() {
    const river = new HttpRiver()
    return (input) => river.play(input)
  },
}

function record(random: Random, flags: number, bytes: Buffer): Buffer {
  const isGap = random.oneIn(15)
  const content = isGap ? Buffer.alloc(0) : random.oneIn(2) ? mutate(random, bytes) : bytes
  const head = Buffer.from([flags | (isGap ? GAP : 0) | (random.next() & 0xf8), 0, 0])
  head.writeUInt16BE(isGap ? 1 + random.below(9000) : Math.min(content.length, 65_535), 1)
  return Buffer.concat([head, content.subarray(0, 65_535)])
}

const SAMPLE = Buffer.from('{"items": ["é", "日本", 1234, true], "next": null}\r\n'.repeat(40))
const ZEROS = Buffer.alloc(200_000)

function request(random: Random): Buffer {
  const method = random.pick(['GET', 'POST', 'HEAD', 'CONNECT', 'OPTIONS', 'PUT', 'PRI', 'M-SEARCH'])
  const [headers, body] = random.oneIn(3) ? message(random) : [[], Buffer.alloc(0)]
  if (random.oneIn(10)) headers.push('Expect: 100-continue')
  if (random.oneIn(20)) headers.push('Connection: Upgrade', 'Upgrade: websocket')
  const target = random.pick(['/', '*', '/a?b', 'host:443', `/${'long'.repeat(random.below(200))}`])
  return assemble(random, requestLine(random, method, target), headers, body)
}

/** Mostly as it should be. */
function requestLine(random: Random, method: string, target: string): string {
  if (!random.oneIn(6)) return `${method} ${target} HTTP/1.1`
  const odd = [
    `${method} ${target}`,
    `${method} ${target}HTTP/1.1`,
    `${method}\t${target} HTTP/1.`,
    `${method} HTTP/1.1`,
  ]
  return random.pick([...odd, `${method.toLowerCase()}  ${target} http/1.0`, `${method} ${target} RTSP/1.0`])
}

/** A binary PROXY header, sometimes. */
function preface(random: Random): Buffer {
  if (!random.oneIn(12)) return Buffer.alloc(0)
  const addresses = random.below(40)
  const fixed = Buffer.from([0x20 | random.below(2), 0x11, 0, addresses])
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), fixed, Buffer.alloc(addresses, 'GET / ')])
}

function response(random: Random): Buffer {
  const status = random.pick([200, 200, 200, 200, 404, 204, 304, 100, 101, 206, 999])
  const [headers, body] = message(random)
  const version = random.oneIn(20) ? random.pick(['HTTP/2.0', 'http/1.1', 'HTTP/1 ']) : `HTTP/1.${random.below(2)}`
  return assemble(random, `${version} ${status} OK`, headers, body)
}

function assemble(random: Random, startLine: string, headers: readonly string[], body: Buffer): Buffer {
  const newLine = random.oneIn(10) ? '\n' : '\r\n'
  return Buffer.concat([Buffer.from([startLine, ...headers, '', ''].join(newLine), 'latin1'), body])
}

/** Headers that say how long the body is and how it is packed, mostly rightly; and the body. */
function message(random: Random): [string[], Buffer] {
  const plain = random.oneIn(40) ? ZEROS : SAMPLE.subarray(0, random.below(SAMPLE.length))
  const headers: string[] = [`Content-Type: ${random.pick(['text/plain; charset=utf-8', 'application/json', 'x'])}`]
  let body: Buffer = plain
  for (let codings = random.below(3); codings > 0; codings--) {
    const [name, pack] = random.pick(CODINGS)
    body = pack(body)
    headers.push(`Content-Encoding: ${name}`)
  }
  switch (random.below(4)) {
    case 0:
      headers.push(`Transfer-Encoding: ${random.pick(['chunked', 'gzip, chunked', 'CHUNKED'])}`)
      return [headers, chunk(random, body)]
    case 1:
      return [headers, body]
    default: {
      const wrong = random.oneIn(6) ? random.pick(['-1', '0x10', '99999999999999999999', '5, 5', '', '1e3']) : undefined
      headers.push(`Content-Length: ${wrong ?? body.length}`)
      return [headers, body]
    }
  }
}

const CODINGS: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['gzip', (bytes) => gzipSync(bytes)],
  ['x-gzip', (bytes) => Buffer.concat([gzipSync(bytes), gzipSync(bytes)])],
  ['deflate', (bytes) => deflateSync(bytes)],
  ['deflate', (bytes) => deflateRawSync(bytes)],
  ['br', (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })],
  ['zstd', (bytes) => storedZstd(bytes)],
  ['identity', (bytes) => bytes],
  ['unheard-of', (bytes) => bytes],
]

/** A Zstandard frame (RFC 8878) of one stored or one repeated-byte block, so that no compressor is needed. */
function storedZstd(bytes: Buffer): Buffer {
  const isRepeated = bytes.length > 0 && bytes[0] === 0
  const header = Buffer.alloc(12)
  header.writeUInt32LE(0xfd2fb528)
  header[4] = 0xa0
  header.writeUInt32LE(bytes.length, 5)
  header.writeUIntLE(1 | (isRepeated ? 2 : 0) | (Math.min(bytes.length, 131_071) << 3), 9, 3)
  return Buffer.concat([header, isRepeated ? bytes.subarray(0, 1) : bytes])
}

function chunk(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.below(700)
    const piece = body.subarray(at, at + size)
    const extension = random.oneIn(10) ? ';name="value"' : ''
    parts.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from('\r\n'))
    at += size
  }
  const odd = random.oneIn(10) ? random.pick(['ffffffffffffffff\r\n', '-5\r\n', '1\r\n', ' \r\n']) : ''
  const trailers = random.oneIn(4) ? 'Digest: 1\r\n' : ''
  return Buffer.concat([...parts, Buffer.from(`${odd}0\r\n${trailers}\r\n`)])
}

class HttpRiver {
  readonly #reader = new CheckingReader()
  readonly #bodies = new CheckingBodies()
  readonly #users: readonly StreamConsumer[] = [
    new DecodeBodies(this.#reader, new UnpackBudget()),
    new HttpBodies(this.#bodies, true, new UnpackBudget()),
    new HttpBodies(this.#bodies, false, new UnpackBudget()),
    new ExchangeStreams({ protocols: EXCHANGE_PROTOCOLS, fallback: raw, consumer: new CheckingExchanges() }),
  ]
  readonly #time = new Timestamp(1_700_000_000, 0)

  play(input: Buffer): void {
    let c = this.#open()
    this.#reader.bytes = this.#bodies.bytes = 0
    for (let at = 0; at + 3 <= input.length; ) {
      const flags = input[at]!
      const length = input.readUInt16BE(at + 1)
      const d: Direction = (flags & SERVER) !== 0 ? 1 : 0
      const end = (flags & GAP) !== 0 ? at + 3 : Math.min(input.length, at + 3 + length)
      if ((flags & GAP) === 0) this.#data(c, d, input.subarray(at + 3, end), flags >> 3)
      else if (length > 0) this.#gap(c, d, length)
      if ((flags & END) !== 0) {
        this.#close(c, d === 0 ? 'finished' : 'reset')
        c = this.#open()
      }
      at = end
    }
    this.#close(c, 'capture-ended')
    const bytes = this.#reader.bytes + this.#bodies.bytes
    if (bytes > MAXIMUM_OUTPUT_BYTES + OUTPUT_RATIO * input.length) assert.fail(`${bytes} bytes out of ${input.length}`)
  }

  #open(): Connection {
    const [client, server] = [new Endpoint(4, 0, 0, 0, 1, 40_000), new Endpoint(4, 0, 0, 0, 2, 80)]
    const c = new Connection(client, server, new Stream(), new Stream())
    for (const user of this.#users) user.onOpen(c, this.#time)
    return c
  }

  /** In pieces; each lies among bytes that are none of it, and is overwritten afterwards: lent means lent. */
  #data(c: Connection, d: Direction, bytes: Buffer, cut: number): void {
    const size = cut === 0 ? bytes.length : cut < 4 ? cut : cut * 97
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size)
      for (const user of this.#users) {
        const lent = Buffer.concat([Buffer.from('GET '), piece, Buffer.from('\r\n\r\n')])
        user.onData(c, d, c.streams[d].offset, lent, 4, 4 + piece.length, this.#time)
        lent.fill(0x58)
      }
      c.streams[d].offset += piece.length
    }
  }

  #gap(c: Connection, d: Direction, missing: number): void {
    const { offset } = c.streams[d]
    for (const user of this.#users) user.onGap(c, d, offset, missing, 'network', this.#time)
    c.streams[d].offset += missing
    // of an odd one the second half comes after all
    if (missing % 2 === 0) return
    const late = Buffer.alloc((missing + 1) >> 1, 'late')
    for (const user of this.#users) user.onLateData(c, d, offset + (missing >> 1), late, 0, late.length, this.#time)
  }

  #close(c: Connection, why: CloseReason): void {
    for (const stream of c.streams) stream.sawFin = why === 'finished'
    for (const user of this.#users) user.onClose(c, why, this.#time)
  }
}

/** Behind DecodeBodies: every delivery is sound and belongs to the open connection. */
class CheckingReader implements StreamConsumer {
  bytes = 0
  #open: Connection | undefined = undefined

  onOpen(c: Connection): void {
    this.#open = c
  }

  onData(c: Connection, _d: Direction, _offset: number, buf: Buffer, start: number, end: number): void {
    if (c !== this.#open) assert.fail('data of a connection that is closed')
    checkSlice(buf, start, end)
    this.bytes += end - start
  }

  onGap(c: Connection, _d: Direction, _offset: number, missing: number): void {
    if (c !== this.#open || !(missing > 0)) assert.fail(`a gap of ${missing}`)
  }

  onLateData(): void {}

  onClose(c: Connection): void {
    if (c !== this.#open) assert.fail('closed twice')
    this.#open = undefined
  }
}

/** Behind HttpBodies: each body begins, goes on and ends, one after the other in each direction. */
class CheckingBodies implements BodyConsumer {
  bytes = 0
  /** Directions that are in a body; two users share this, so it counts. */
  readonly #inBody: [number, number] = [0, 0]

  onBodyStart(_c: Connection, d: Direction, contentType: string): void {
    if (/[A-Z;]/.test(contentType)) assert.fail(`content type ${contentType}`)
    if (++this.#inBody[d] > 2) assert.fail('a body begins within a body')
  }

  onBodyData(_c: Connection, d: Direction, buf: Buffer, start: number, end: number): void {
    if (this.#inBody[d] === 0) assert.fail('data outside of a body')
    checkSlice(buf, start, end)
    this.bytes += end - start
  }

  onBodyGap(_c: Connection, d: Direction, missing: number): void {
    if (this.#inBody[d] === 0 || !(missing > 0)) assert.fail(`a gap of ${missing}`)
  }

  onBodyLateData(_c: Connection, d: Direction, position: number, buf: Buffer, start: number, end: number): void {
    if (this.#inBody[d] === 0 || !(position >= 0)) assert.fail(`late data at ${position}`)
    checkSlice(buf, start, end)
  }

  onBodyEnd(_c: Connection, d: Direction): void {
    if (--this.#inBody[d] < 0) assert.fail('a body ends twice')
  }
}

/** Behind ExchangeStreams: what is told is bounded, and a time is told only where it can be. */
class CheckingExchanges implements ExchangeConsumer {
  onExchange(e: Exchange): void {
    for (const text of [e.command, e.key, e.statusText, e.version]) if (text.length > 256) assert.fail(`long: ${text}`)
    if (e.request.length > 1024) assert.fail(`long: ${e.request}`)
    if (!(e.requestBytes > 0) || !(e.responseBytes >= 0)) assert.fail(`${e.requestBytes} and ${e.responseBytes} bytes`)
    const isAnswered = e.status === 'ok' || e.status === 'error'
    if (isAnswered !== e.responseEnd.seconds > 0) assert.fail(`${e.status} at ${e.responseEnd.seconds}`)
    if (isAnswered && e.responseBytes === 0) assert.fail('an answer of no bytes')
  }
}
