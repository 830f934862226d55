// Notes about connections that went wrong, one line each as it happens: refused, unanswered, reset. A flood of them
// becomes one line a second for each kind and server.

import type { CloseReason, Connection, Direction, WentOnAfter } from '../../core/connection.ts'
import type { ClockConsumer, ConnectionConsumer, Sink } from '../../core/consumers.ts'
import type { Endpoint } from '../../core/endpoint.ts'
import { icmpMeaning } from '../../core/icmp-words.ts'
import { counted, duration, grouped } from '../../core/plain-numbers.ts'
import type { Messages, Names } from '../../core/ports.ts'
import { elapsedMicros, Timestamp } from '../../core/timestamp.ts'
import { nameAndAddress } from '../names/host-names.ts'
import { whoToWhom } from './connection-summary.ts'

/** Notes in one second of capture time that get a line of their own; the rest are counted and told together. */
const LINES_PER_SECOND = 20
const MAXIMUM_GROUPS = 64
const OTHERS = 'other servers'

type Kind = 'refused' | 'unanswered' | 'unfinished' | 'reset' | 'wentOn'

/** Connections that are only counted. */
interface Held {
  readonly kind: Kind
  readonly server: string
  count: number
}

const TOGETHER: Readonly<Record<Kind, string>> = {
  refused: 'were refused',
  unanswered: 'got no answer',
  unfinished: 'never finished their handshake',
  reset: 'were reset',
  wentOn: 'went on after a RST or SYN that nobody believed',
}

export class Notes implements ConnectionConsumer, ClockConsumer, Sink {
  readonly blocked = false
  readonly #messages: Messages
  readonly #names: Names | undefined
  readonly #second = new Timestamp()
  #linesThisSecond = 0
  /** Kind and server → how many; at most MAXIMUM_GROUPS of them. */
  readonly #held = new Map<string, Held>()
  /** The group of the latest one, and its server: a flood goes to one place, and this finds it without a string. */
  #latest: Held | undefined = undefined
  #latestServer: Endpoint | undefined = undefined
  #latestPlace = 0

  constructor(messages: Messages, names?: Names) {
    this.#messages = messages
    this.#names = names
  }

  onOpen(): void {}

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    const kind = trouble(c, why)
    if (kind === undefined) return
    // A half-open connection that was removed to make room was not waited for, so it is only counted.
    if (why === 'evicted') this.#hold(kind, c, t)
    else this.#tell(kind, c, t, LINES[kind](c, why, t))
  }

  /** Told only once for each connection and kind: blind resets come by the thousand. */
  onWentOn(c: Connection, d: Direction, after: WentOnAfter, t: Timestamp): void {
    const side = d === 0 ? 'client' : 'server'
    if (after === 'reset' && c.refutedResets === 1) this.#tell('wentOn', c, t, `went on after a RST from the ${side}`)
    if (after === 'syn' && c.straySyns === 1) this.#tell('wentOn', c, t, `went on after a stray SYN from the ${side}`)
  }

  #tell(kind: Kind, c: Connection, t: Timestamp, line: string): void {
    this.onClock(t)
    if (this.#linesThisSecond >= LINES_PER_SECOND) {
      this.#hold(kind, c, t)
      return
    }
    this.#linesThisSecond++
    this.#messages.note(`${whoToWhom(c, this.#names)} ${line}`)
  }

  onClock(t: Timestamp): void {
    const micros = elapsedMicros(this.#second, t)
    if (micros >= 0 && micros < 1e6) return
    this.#second.set(t)
    this.#tellHeld()
    this.#linesThisSecond = 0
  }

  drain(): Promise<void> {
    return Promise.resolve()
  }

  flush(): void {}

  finish(): Promise<void> {
    this.#tellHeld()
    return Promise.resolve()
  }

  #hold(kind: Kind, c: Connection, t: Timestamp): void {
    this.onClock(t)
    const endpoint = c.endpoints[1]
    const isLatest = this.#latest?.kind === kind && this.#latestPlace === c.place
    if (isLatest && this.#latestServer !== undefined && isSame(this.#latestServer, endpoint)) {
      this.#latest!.count++
      return
    }
    this.#latest = this.#groupOf(kind, c.place, endpoint)
    this.#latestServer = endpoint
    this.#latestPlace = c.place
    this.#latest.count++
  }

  #groupOf(kind: Kind, place: number, server: Endpoint): Held {
    const known = this.#held.get(`${kind} ${place} ${server}`)
    if (known !== undefined) return known
    if (this.#held.size < MAXIMUM_GROUPS) {
      return this.#begin(`${kind} ${place} ${server}`, kind, nameAndAddress(this.#names, place, server))
    }
    return this.#held.get(`${kind} ${OTHERS}`) ?? this.#begin(`${kind} ${OTHERS}`, kind, OTHERS)
  }

  #begin(key: string, kind: Kind, server: string): Held {
    const held = { kind, server, count: 0 }
    this.#held.set(key, held)
    return held
  }

  #tellHeld(): void {
    for (const { kind, server, count } of this.#held.values()) {
      this.#messages.note(`${counted(count, 'more connection')} to ${server} ${TOGETHER[kind]}`)
    }
    this.#held.clear()
    this.#latest = undefined
  }
}

/** What went wrong with a connection that has ended; undefined if nothing needs to be told. */
function trouble(c: Connection, why: CloseReason): Exclude<Kind, 'wentOn'> | undefined {
  const [client, server] = c.streams
  if (why === 'reset') return client.sawSyn && !server.sawSyn && server.sawReset ? 'refused' : 'reset'
  if (!client.sawSyn || why === 'finished' || client.bytes + server.bytes > 0) return undefined
  if (server.packets === 0) return 'unanswered'
  if (server.sawSyn && c.handshakeMicros < 0 && !client.sawFin) return 'unfinished'
  return undefined
}

/** The text after the names of client and server. */
const LINES: Readonly<Record<Exclude<Kind, 'wentOn'>, (c: Connection, why: CloseReason, t: Timestamp) => string>> = {
  refused: (c) =>
    `refused: the server answered the SYN with RST ${because(c, 'nothing listens on that port, or a firewall rejects')}`,
  unanswered: (c, why, t) => {
    const waited = duration(elapsedMicros(c.openTime, t))
    const until =
      why === 'capture-ended' || why === 'interface-gone' || why === 'container-gone' ? ' until the capture ended' : ''
    return `unanswered: ${counted(c.streams[0].synPackets, 'SYN')} and no reply in ${waited}${until} ${because(c, 'host down, wrong address, or a firewall drops')}`
  },
  unfinished: (c) =>
    `not finished: the server answered, the client never acknowledged ${because(c, 'the answer is lost on its way back, or a port scan')}`,
  reset: (c) => {
    const by: Direction = c.streams[0].sawReset ? 0 : 1
    const idle = duration(c.resetIdleMicros)
    const bytes = `${grouped(c.streams[0].bytes)} bytes from the client, ${grouped(c.streams[1].bytes)} from the server before`
    return `reset by the ${by === 0 ? 'client' : 'server'} after ${idle} idle (${bytes})`
  },
}

/** The reason that the network gave, else the usual one. */
function because(c: Connection, usual: string): string {
  if (c.icmpReporter === '') return `(${usual})`
  return `(${c.icmpReporter} says: ${icmpMeaning(c.icmpFamily, c.icmpType, c.icmpCode)})`
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return (
    a.word3 === b.word3 &&
    a.port === b.port &&
    a.word2 === b.word2 &&
    a.word1 === b.word1 &&
    a.word0 === b.word0 &&
    a.family === b.family
  )
}
