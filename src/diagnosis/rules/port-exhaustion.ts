// port-exhaustion: one client has used nearly all its source ports towards one server and port (RFC 6056, RFC 9293 §3.6.1).

import { type Endpoint, isSameEnd } from '../../core/endpoint.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfEnd, hashOfHost } from '../end-hash.ts'
import { RecentMap } from '../recent-map.ts'
import { about, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { PORT_REUSE } from './port-reuse.ts'

export const PORT_EXHAUSTION: FindingKind = {
  id: 'port-exhaustion',
  severity: 'error',
  title: 'the client has run out of source ports',
  meaning:
    'Each new connection of a client to the same server and port needs a source port of its own, and a port that was closed rests for a minute (TIME-WAIT). The client opens connections faster than ports come free: further attempts fail with "cannot assign requested address", or meet the remains of an old connection.',
  told: 'The source ports of one client to one server and port cover nearly the whole range that it takes them from, and ports come again about a minute, or less, after the client has closed them.',
  limits:
    'Attempts that fail for want of a port send no packet, so they cannot be seen. The range itself is guessed from the ports that were seen.',
  advice:
    'Keep connections and use them again (a pool, keep-alive). If that is not possible: widen net.ipv4.ip_local_port_range, set net.ipv4.tcp_tw_reuse=1 at the client, or give it more addresses.',
}

/** Of the ports from the least to the greatest that was seen. */
const SHARE_TO_TELL = 0.9
/** Fewer in a row are a coincidence. */
const PORTS_TO_TELL = 200
const REUSED_TO_TELL = 3
/** Linux lets them rest for 60 s, and a few more until its timer comes round. */
const TIME_WAIT_MICROS = 66_000_000
/** Connections of a client to a server before its ports are written down: that takes memory. */
const CONNECTIONS_TO_NOTE = 50
const MAXIMUM_NOTED = 16
const MAXIMUM_PAIRS = 4096
const FIRST_PORT = 1024

export const portExhaustion: Rule = {
  kinds: [PORT_EXHAUSTION],
  begin(judge: Judge): Judgement {
    let noted = 0
    const pairs = new RecentMap<number, number | Pair>(MAXIMUM_PAIRS, (pair) => {
      if (pair instanceof Pair) noted--
    })
    const pairOf = (c: ConnectionFacts): Pair | undefined => {
      const hash = hashOfHost(c.place, c.clientEnd) ^ hashOfEnd(c.place, c.serverEnd)
      const known = pairs.get(hash) ?? 0
      if (typeof known !== 'number') return isSameEnd(known.server, c.serverEnd) ? known : undefined
      if (known < CONNECTIONS_TO_NOTE || noted >= MAXIMUM_NOTED) {
        pairs.set(hash, known + 1)
        return undefined
      }
      noted++
      const pair = new Pair(c.serverEnd)
      pairs.set(hash, pair)
      return pair
    }
    return {
      onClose(c) {
        if (!c.seenFromStart || c.clientEnd.port < FIRST_PORT) return
        const pair = pairOf(c)
        if (pair === undefined || pair.told) return
        pair.note(c, judge.has(PORT_REUSE, c))
        if (!pair.isExhausted) return
        pair.told = true
        tell(judge, c, pair)
      },
    }
  },
}

/** The source ports of a client to a server. */
class Pair {
  readonly server: Endpoint
  told = false
  /** How many different ones there are, their bounds, and how many came again too soon. */
  ports = 0
  least = 0xffff
  greatest = 0
  reused = 0
  firstMicros = 0
  readonly #closed = new Float64Array(0x1_0000)

  constructor(server: Endpoint) {
    this.server = server
  }

  note(c: ConnectionFacts, metOldConnection: boolean): void {
    const { port } = c.clientEnd
    const before = this.#closed[port]!
    if (this.firstMicros === 0) this.firstMicros = c.openMicros
    if (before === 0) {
      this.ports++
      this.least = Math.min(this.least, port)
      this.greatest = Math.max(this.greatest, port)
    } else if (metOldConnection || c.openMicros + before < TIME_WAIT_MICROS) this.reused++
    // negative: the client has closed first, so that the port rests with it
    this.#closed[port] = c.firstFinBy === 0 ? -c.lastMicros : c.lastMicros
  }

  get isExhausted(): boolean {
    if (this.ports < PORTS_TO_TELL || this.reused < REUSED_TO_TELL) return false
    return this.ports >= (this.greatest - this.least + 1) * SHARE_TO_TELL
  }
}

function tell(judge: Judge, c: ConnectionFacts, pair: Pair): void {
  judge.find(PORT_EXHAUSTION, about(c), 'likely', () => {
    const host = judge.hostOf(c.place, c.clientEnd)
    const end = judge.endOf(c.place, c.serverEnd)
    return {
      cause: `${host} has used ${counted(pair.ports, 'source port')} of the ${pair.least} to ${pair.greatest} that it takes them from, for connections to ${end}, and uses them again as soon as they come free: it opens short connections faster than ports come free.`,
      next: `let ${host} keep connections and use them again; or widen net.ipv4.ip_local_port_range there`,
      evidence: [
        {
          micros: pair.firstMicros,
          text: `first of ${counted(pair.ports, 'different port')}, all within ${duration(c.lastMicros - pair.firstMicros)}`,
        },
        {
          micros: c.openMicros,
          text: `port ${c.clientEnd.port} again; ${counted(pair.reused, 'port')} came again about a minute after they were closed, or sooner`,
        },
      ],
    }
  })
}
