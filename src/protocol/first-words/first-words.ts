// Looks at what both sides of each connection say first, and tells of those that speak different protocols.

import type { Connection, Direction } from '../../core/connection.ts'
import type { StreamConsumer } from '../../core/consumers.ts'
import type { Mismatch, MismatchConsumer } from '../../core/first-words.ts'
import { epochMicros, type Timestamp } from '../../core/timestamp.ts'
import { ProxyPreface } from '../proxy/proxy-preface.ts'
import { CLIENT_LANGUAGES, languageOf, SERVER_LANGUAGES } from './languages.ts'

/** Of each side; a proxy's error page says what it is about within that. */
const MAXIMUM_BYTES = 256
/** A side that has said so much and is not recognised will not be. */
const ENOUGH_BYTES = 128
const MAXIMUM_WORDS = 80
const NOTHING = Buffer.alloc(0)

class Beginnings {
  readonly connection: Connection
  preface: ProxyPreface | undefined
  readonly bytes: [Buffer, Buffer] = [NOTHING, NOTHING]
  readonly micros: [number, number] = [0, 0]
  /** '' so far. */
  readonly languages: [string, string] = ['', '']

  constructor(connection: Connection) {
    this.connection = connection
    this.preface = new ProxyPreface(connection)
  }
}

export class FirstWords implements StreamConsumer {
  readonly #consumer: MismatchConsumer
  /** By slot; null: nothing more is to be learnt. */
  readonly #open: (Beginnings | undefined | null)[] = []

  constructor(consumer: MismatchConsumer) {
    this.#consumer = consumer
  }

  onOpen(c: Connection): void {
    while (this.#open.length <= c.slot) this.#open.push(undefined)
    this.#open[c.slot] = c.openerKnown && !c.resumed ? undefined : null
  }

  onData(c: Connection, d: Direction, _offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    let beginnings = this.#open[c.slot]
    if (beginnings === null) return
    if (beginnings === undefined) {
      beginnings = new Beginnings(c)
      this.#open[c.slot] = beginnings
    }
    const { preface } = beginnings
    const from = preface === undefined ? start : preface.read(d, buf, start, end, t)
    if (preface?.over) {
      beginnings.preface = undefined
      preface.release((held, at, stop, time) => this.#take(beginnings, preface.direction, held, at, stop, time))
    }
    if (from < end && this.#open[c.slot] !== null) this.#take(beginnings, d, buf, from, end, t)
  }

  onGap(c: Connection): void {
    this.#open[c.slot] = null
  }

  onLateData(): void {
    // first words are not late
  }

  onClose(c: Connection, _why: unknown, t: Timestamp): void {
    const beginnings = this.#open[c.slot]
    this.#open[c.slot] = undefined
    if (beginnings === null || beginnings === undefined) return
    const { languages, bytes } = beginnings
    if (languages[0] !== '' && bytes[1].length === 0) this.#consumer.onMismatch(c, mismatchOf(beginnings), t)
  }

  #take(beginnings: Beginnings, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void {
    const { bytes, micros, languages, connection } = beginnings
    const held = bytes[d]
    if (held.length >= MAXIMUM_BYTES) return
    if (held.length === 0) micros[d] = epochMicros(t)
    const now = Buffer.concat([held, buf.subarray(start, Math.min(end, start + MAXIMUM_BYTES - held.length))])
    bytes[d] = now
    languages[d] = languageOf(d === 0 ? CLIENT_LANGUAGES : SERVER_LANGUAGES, now, now.toString('latin1'))
    const [client, server] = languages
    if (client === '' || server === '') {
      if (languages[d] === '' && now.length >= ENOUGH_BYTES) this.#open[connection.slot] = null
      return
    }
    this.#open[connection.slot] = null
    if (client !== server) this.#consumer.onMismatch(connection, mismatchOf(beginnings), t)
  }
}

function mismatchOf({ bytes, micros, languages }: Beginnings): Mismatch {
  return {
    client: languages[0],
    server: languages[1],
    clientWords: firstLine(bytes[0]),
    serverWords: firstLine(bytes[1]),
    clientMicros: micros[0],
    serverMicros: micros[1],
  }
}

function firstLine(bytes: Buffer): string {
  const line = bytes.toString('latin1').split(/[\r\n]/)[0]!
  return /^[\x20-\x7e]+$/.test(line) ? line.slice(0, MAXIMUM_WORDS) : ''
}
