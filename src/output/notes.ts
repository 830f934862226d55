// Connections that went wrong, in plain words, one line each as it happens: refused, unanswered, reset. A flood of them
// becomes a line a second for each kind and server.

import type { CloseReason, Connection, Direction } from '../core/connection.ts'
import type { ClockConsumer, Sink, StreamConsumer } from '../core/consumers.ts'
import type { Messages } from '../core/ports.ts'
import { elapsedMicros, Timestamp } from '../core/timestamp.ts'
import { icmpMeaning } from './icmp-words.ts'
import { counted, duration, grouped } from './plain-numbers.ts'

/** Lines of their own in one second of capture time; what is beyond is counted and told together. */
const LINES_PER_SECOND = 20
const MAXIMUM_GROUPS = 64
const OTHERS = 'other servers'

type Kind = 'refused' | 'unanswered' | 'unfinished' | 'reset'

const TOGETHER: Readonly<Record<Kind, string>> = {
  refused: 'were refused',
  unanswered: 'got no answer',
  unfinished: 'never finished their handshake',
  reset: 'were reset',
}

export class Notes implements StreamConsumer, ClockConsumer, Sink {
  readonly blocked = false
  readonly #messages: Messages
  readonly #second = new Timestamp()
  #linesThisSecond = 0
  /** Kind and server → how many; at most MAXIMUM_GROUPS of them. */
  readonly #held = new Map<string, { kind: Kind; server: string; count: number }>()

  constructor(messages: Messages) {
    this.#messages = messages
  }

  onOpen(): void {}
  onData(): void {}
  onGap(): void {}
  onLateData(): void {}

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    const kind = trouble(c, why)
    if (kind === undefined) return
    this.onClock(t)
    // A half-open connection that had to make room was not waited for: it is only counted.
    if (why !== 'evicted' && this.#linesThisSecond < LINES_PER_SECOND) {
      this.#linesThisSecond++
      this.#messages.note(LINES[kind](c, why, t))
    } else {
      this.#hold(kind, c)
    }
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

  #hold(kind: Kind, c: Connection): void {
    const server = c.endpoints[1].toString()
    const key = `${kind} ${server}`
    const held = this.#held.get(key)
    if (held !== undefined) held.count++
    else if (this.#held.size < MAXIMUM_GROUPS) this.#held.set(key, { kind, server, count: 1 })
    else this.#holdAmongOthers(kind)
  }

  #holdAmongOthers(kind: Kind): void {
    const key = `${kind} ${OTHERS}`
    const held = this.#held.get(key)
    if (held !== undefined) held.count++
    else this.#held.set(key, { kind, server: OTHERS, count: 1 })
  }

  #tellHeld(): void {
    for (const { kind, server, count } of this.#held.values()) {
      this.#messages.note(`${counted(count, 'more connection')} to ${server} ${TOGETHER[kind]}`)
    }
    this.#held.clear()
  }
}

/** What was wrong with a connection that has ended; undefined: nothing that needs telling. */
function trouble(c: Connection, why: CloseReason): Kind | undefined {
  const [client, server] = c.streams
  if (why === 'reset') return client.sawSyn && !server.sawSyn && server.sawReset ? 'refused' : 'reset'
  if (!client.sawSyn || why === 'finished' || client.bytes + server.bytes > 0) return undefined
  if (server.packets === 0) return 'unanswered'
  if (server.sawSyn && c.handshakeMicros < 0 && !client.sawFin) return 'unfinished'
  return undefined
}

const LINES: Readonly<Record<Kind, (c: Connection, why: CloseReason, t: Timestamp) => string>> = {
  refused: (c) =>
    `${who(c)} refused: the server answered the SYN with RST ${because(c, 'nothing listens on that port, or a firewall rejects')}`,
  unanswered: (c, why, t) => {
    const waited = duration(elapsedMicros(c.openTime, t))
    const until = why === 'capture-ended' || why === 'interface-gone' ? ' until the capture ended' : ''
    return `${who(c)} unanswered: ${counted(c.streams[0].synPackets, 'SYN')} and no reply in ${waited}${until} ${because(c, 'host down, wrong address, or a firewall drops')}`
  },
  unfinished: (c) =>
    `${who(c)} not finished: the server answered, the client never acknowledged ${because(c, 'the answer is lost on its way back, or a port scan')}`,
  reset: (c, _why, t) => {
    const by: Direction = c.streams[0].sawReset ? 0 : 1
    const since = c.lastDataTime.seconds > 0 ? c.lastDataTime : c.openTime
    const idle = duration(elapsedMicros(since, t))
    const bytes = `${grouped(c.streams[0].bytes)} bytes from the client, ${grouped(c.streams[1].bytes)} from the server before`
    return `${who(c)} reset by the ${by === 0 ? 'client' : 'server'} after ${idle} idle (${bytes})`
  },
}

function who(c: Connection): string {
  return `${c.endpoints[0]} -> ${c.endpoints[1]}`
}

/** The reason that the network gave, else what it usually is. */
function because(c: Connection, usual: string): string {
  if (c.icmpReporter === '') return `(${usual})`
  return `(${c.icmpReporter} says: ${icmpMeaning(c.icmpFamily, c.icmpType, c.icmpCode)})`
}
