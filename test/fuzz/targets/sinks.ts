// Any course of connections and datagrams through what shows it: console, JSON, notes. Nothing that acts on a terminal comes
// out, colour changes nothing but colour, and -B and --json hold exactly the bytes that went in.
// Input: records of an operation (bits 0-1 which connection, bit 2 direction, bits 3-5 what, see `play`), a length, bytes.

import assert from 'node:assert/strict'
import { closeSync, constants, fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Arena } from '../../../src/core/arena.ts'
import { type CloseReason, Connection, type Direction, type GapCause, Stream } from '../../../src/core/connection.ts'
import type {
  ClockConsumer,
  ConnectionConsumer,
  DatagramConsumer,
  Sink,
  StreamConsumer,
} from '../../../src/core/consumers.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { Packet } from '../../../src/core/packet.ts'
import { Datagram } from '../../../src/core/segment.ts'
import { Timestamp } from '../../../src/core/timestamp.ts'
import { ConsoleSink } from '../../../src/output/console/console-sink.ts'
import { JsonSink } from '../../../src/output/json/json-sink.ts'
import { ConnectionLog } from '../../../src/output/messages/connection-log.ts'
import { Notes } from '../../../src/output/messages/notes.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import type { ConsolePlan } from '../../../src/plan.ts'
import { textPlan } from '../../output/console/console-fixture.ts'
import { assertHarmless, OUR_COLOURS } from '../../support/harmless.ts'
import { mutate } from '../mutate.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

const CONNECTIONS = 4
const CAUSES: readonly GapCause[] = ['network', 'capture', 'snaplen', 'limit']
const REASONS: readonly CloseReason[] = ['finished', 'reset', 'timeout', 'evicted', 'replaced', 'jump', 'capture-ended']
const TEXTS = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'Zürich, 東京, naïve\n',
  '\u202e\u200b\ufeff\u{e0041}\u{1d173}\u00ad\u034f\u2028',
  '\x1b[31m\x1b]0;owned\x07\u009b31m\r',
  '😀日本\r\n"\\\x7f',
].map((text) => Buffer.from(text))

export const sinks: FuzzTarget = {
  name: 'sinks',
  generate(random) {
    const records: Buffer[] = []
    for (let count = 1 + random.below(40); count > 0; count--) {
      const bytes = random.oneIn(12) ? Buffer.alloc(0) : payload(random)
      records.push(Buffer.from([random.next(), bytes.length]), bytes)
    }
    return Buffer.concat(records)
  },
  start() {
    const stage = new Stage()
    return (input) => stage.play(input)
  },
}

function payload(random: Random): Buffer {
  const text = random.pick(TEXTS)
  switch (random.below(4)) {
    case 0:
      return random.bytes(1 + random.below(200))
    case 1:
      return mutate(random, text).subarray(0, 200)
    default: // cut anywhere, characters too
      return text.subarray(random.below(text.length))
  }
}

type Shown = StreamConsumer & DatagramConsumer & Sink & Partial<ClockConsumer>

/** One sink and what it has written since it was last asked. */
class Screen {
  readonly sink: Shown
  readonly #descriptor: number

  constructor(make: (stream: OutputStream, arena: Arena) => Shown) {
    const folder = mkdtempSync(join(tmpdir(), 'tcpflow-fuzz-'))
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND
    this.#descriptor = openSync(join(folder, 'screen'), flags)
    rmSync(folder, { recursive: true })
    const arena = new Arena(1 << 20)
    this.sink = make(new OutputStream(this.#descriptor, { buffer: arena.allocate(1 << 18) }), arena)
    screensToClose.register(this, this.#descriptor)
  }

  take(): Buffer {
    this.sink.flush()
    assert.equal(this.sink.blocked, false)
    const bytes = Buffer.alloc(fstatSync(this.#descriptor).size)
    readSync(this.#descriptor, bytes, 0, bytes.length, 0)
    ftruncateSync(this.#descriptor)
    return bytes
  }
}

/** Runners come and go. */
const screensToClose = new FinalizationRegistry((descriptor: number) => closeSync(descriptor))

function consoleScreen(plan: Partial<ConsolePlan>): Screen {
  return new Screen(
    (stream, arena) =>
      new ConsoleSink({ plan: { ...textPlan, ...plan }, arena, stream, nameOf, summary: plan.format === undefined }),
  )
}

function nameOf(c: Connection, d: Direction): string {
  return `${c.endpoints[d]}-${c.endpoints[d === 0 ? 1 : 0]}`
}

class Stage {
  readonly #plain = consoleScreen({})
  readonly #colored = consoleScreen({ color: true })
  readonly #ascii = consoleScreen({ format: 'text', asciiOnly: true, timestamps: true, names: false })
  readonly #hex = consoleScreen({ format: 'hex' })
  readonly #binary = consoleScreen({ format: 'binary', names: false, newline: false, gaps: 'skip' })
  readonly #json = new Screen(
    (stream, arena) =>
      new JsonSink({
        arena,
        plan: { nameTemplate: '', payload: 'text', maximumBytes: Number.POSITIVE_INFINITY },
        stream,
        nameOf,
      }),
  )
  readonly #lines: string[] = []
  readonly #others: readonly (ConnectionConsumer & Partial<ClockConsumer>)[]
  readonly #screens = [this.#plain, this.#colored, this.#ascii, this.#hex, this.#binary, this.#json]
  readonly #open: (Connection | undefined)[] = []
  #connections = 0
  readonly #now = new Timestamp(1_700_000_000, 0)
  /** What went in, in the order of delivery; and by connection, direction and offset, as JSON has it. */
  #delivered: Buffer[] = []
  readonly #expected = new Map<string, Buffer[]>()

  constructor() {
    const say = (line: string): void => {
      this.#lines.push(line)
    }
    const messages = { note: say, info: say, error: say }
    this.#others = [new Notes(messages), new ConnectionLog(messages)]
  }

  play(input: Buffer): void {
    this.#delivered = []
    this.#expected.clear()
    this.#lines.length = 0
    for (let at = 0; at + 2 <= input.length; ) {
      const operation = input[at]!
      const end = Math.min(input.length, at + 2 + input[at + 1]!)
      this.#act(operation, input.subarray(at + 2, end))
      at = end
    }
    for (let slot = 0; slot < CONNECTIONS; slot++) this.#close(slot, 'capture-ended')
    this.#check()
  }

  #act(operation: number, bytes: Buffer): void {
    const slot = operation & 3
    const d: Direction = (operation & 4) !== 0 ? 1 : 0
    switch ((operation >> 3) & 7) {
      case 0:
        this.#close(slot, REASONS[bytes.length % REASONS.length]!)
        break
      case 1:
        this.#gap(slot, d, 1 + bytes.length * 100, CAUSES[bytes.length % CAUSES.length]!)
        break
      case 2:
        this.#pause(bytes.length * 3)
        break
      case 3:
        if (bytes.length > 0) this.#datagram(d, bytes)
        break
      default:
        if (bytes.length > 0) this.#data(slot, d, bytes)
    }
  }

  #each(tell: (consumer: ConnectionConsumer) => void): void {
    for (const { sink } of this.#screens) tell(sink)
    for (const other of this.#others) tell(other)
  }

  #connection(slot: number): Connection {
    const open = this.#open[slot]
    if (open !== undefined) return open
    const family = slot === 3 ? 6 : 4
    const [client, server] = [new Endpoint(family, 0, 0, 0, slot + 1, 40_000), new Endpoint(family, 0, 0, 0, 9, 80)]
    const c = new Connection(client, server, new Stream(), new Stream())
    c.slot = slot
    c.id = ++this.#connections
    c.vlanId = slot === 2 ? 42 : -1
    c.openTime.set(this.#now)
    this.#open[slot] = c
    this.#each((consumer) => consumer.onOpen(c, this.#now))
    return c
  }

  #data(slot: number, d: Direction, bytes: Buffer): void {
    const c = this.#connection(slot)
    const stream = c.streams[d]
    stream.packets++
    c.lastPacketTime.set(this.#now)
    for (const { sink } of this.#screens) {
      // lent: among bytes that are none of it, and overwritten afterwards
      const lent = Buffer.concat([Buffer.from([0x1b, 0xe2]), bytes, Buffer.from([0x80, 0x8b, 0x0a])])
      sink.onData(c, d, stream.offset, lent, 2, 2 + bytes.length, this.#now)
      lent.fill(0x1b)
    }
    this.#delivered.push(bytes)
    const key = `${c.id} ${d}`
    this.#expected.set(key, [...(this.#expected.get(key) ?? []), bytes])
    stream.offset += bytes.length
    stream.bytes += bytes.length
  }

  #gap(slot: number, d: Direction, missing: number, cause: GapCause): void {
    const c = this.#connection(slot)
    const { offset } = c.streams[d]
    for (const { sink } of this.#screens) sink.onGap(c, d, offset, missing, cause, this.#now)
    c.streams[d].offset += missing
    // some of it comes after all
    const late = Buffer.from('late\x1b[')
    if (missing <= late.length) return
    for (const { sink } of this.#screens) sink.onLateData(c, d, offset, late, 0, late.length, this.#now)
  }

  #pause(millis: number): void {
    this.#now.nanos += millis * 1e6
    this.#now.seconds += Math.floor(this.#now.nanos / 1e9)
    this.#now.nanos %= 1e9
    for (const { sink } of this.#screens) sink.onClock?.(this.#now)
    for (const other of this.#others) other.onClock?.(this.#now)
  }

  #datagram(d: Direction, bytes: Buffer): void {
    const g = new Datagram()
    g.time.set(this.#now)
    g.sourcePort = d === 0 ? 5353 : 53
    g.destinationPort = d === 0 ? 53 : 5353
    g.buf = bytes
    g.payloadEnd = bytes.length
    for (const { sink } of this.#screens) sink.onDatagram(g, NO_PACKET)
    this.#delivered.push(bytes)
  }

  #close(slot: number, why: CloseReason): void {
    const c = this.#open[slot]
    if (c === undefined) return
    c.streams[0].sawReset = why === 'reset'
    this.#open[slot] = undefined
    this.#each((consumer) => consumer.onClose(c, why, this.#now))
  }

  #check(): void {
    const plain = this.#plain.take()
    const colored = this.#colored.take()
    const ascii = this.#ascii.take()
    const hex = this.#hex.take()
    assertHarmless(plain, 'the console')
    assertHarmless(colored, 'the console in colour', true)
    assert.equal(colored.toString().replace(OUR_COLOURS, ''), plain.toString(), 'colour changes the text')
    for (const bytes of [ascii, hex]) assertHarmless(bytes, 'the console')
    for (const bytes of [ascii, hex]) assert.match(bytes.toString('latin1'), /^[\t\r\n -~]*$/)
    const binary = this.#binary.take()
    const whole = Buffer.concat(this.#delivered)
    if (!binary.equals(whole)) assert.equal(binary.toString('latin1'), whole.toString('latin1'), '-B')
    this.#checkJson(this.#json.take())
    assertHarmless(Buffer.from(this.#lines.join('\n')), 'what is said on stderr')
  }

  #checkJson(bytes: Buffer): void {
    assertHarmless(bytes, 'JSON')
    const found = new Map<string, Buffer[]>()
    for (const line of bytes.toString().split('\n').slice(0, -1)) {
      const event = JSON.parse(line) as Record<string, string | number>
      if (event.event !== 'data') continue
      const key = `${event.connection} ${event.direction === 'client' ? 0 : 1}`
      const payload = event.text === undefined ? Buffer.from(`${event.base64}`, 'base64') : Buffer.from(`${event.text}`)
      if (payload.length !== event.length) assert.fail(`${payload.length} bytes are said to be ${event.length}`)
      found.set(key, [...(found.get(key) ?? []), payload])
    }
    for (const [key, pieces] of this.#expected) {
      const expected = Buffer.concat(pieces)
      if (!Buffer.concat(found.get(key) ?? []).equals(expected)) assert.fail(`JSON has other bytes for ${key}`)
    }
  }
}

const NO_PACKET = new Packet()
