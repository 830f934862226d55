// Where the time of an exchange went, as far as the segments beside it tell.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Connection, Direction } from '../../src/core/connection.ts'
import { Packet } from '../../src/core/packet.ts'
import { Segment, TCP_ACK, TCP_SYN } from '../../src/core/segment.ts'
import { TimedExchange } from '../../src/core/timed-exchange.ts'
import { ExchangeTimer } from '../../src/latency/exchange-timer.ts'
import { RoundTrips } from '../../src/latency/round-trips.ts'
import { connection, EXCHANGE_SECONDS, type ExchangeFields, exchange } from '../support/timed-exchanges.ts'

const packet = new Packet()

/** Gives segments to RoundTrips by hand: sequence numbers of the client begin at 1000, of the server at 5000. */
class Wire {
  readonly trips = new RoundTrips()
  readonly connection: Connection
  readonly #segment = new Segment()

  constructor(c = connection()) {
    this.connection = c
  }

  segment(micros: number, d: Direction, flags: number, sequence: number, ack: number, bytes = 0): this {
    const s = this.#segment
    s.time.seconds = EXCHANGE_SECONDS
    s.time.nanos = micros * 1000
    s.flags = flags
    s.sequence = sequence
    s.acknowledgement = ack
    s.payloadStart = 0
    s.payloadEnd = bytes
    this.trips.onSegment(this.connection, d, s, packet)
    return this
  }

  /** SYN at 0, SYN-ACK after `toServer`, ACK after `toClient` more. */
  open(toServer: number, toClient: number): this {
    this.segment(0, 0, TCP_SYN, 999, 0)
    this.segment(toServer, 1, TCP_SYN | TCP_ACK, 4999, 1000)
    return this.segment(toServer + toClient, 0, TCP_ACK, 1000, 5000)
  }

  time(fields: ExchangeFields): TimedExchange {
    let found: TimedExchange | undefined
    const timer = new ExchangeTimer(
      { onTimedExchange: (t) => (found = Object.assign(new TimedExchange(t.exchange), t)) },
      this.trips,
    )
    timer.onExchange(exchange({ connection: this.connection, ...fields }))
    return found!
  }
}

const FIELDS = { at: 100_000, requestMicros: 30, firstByteMicros: 5000, responseMicros: 70 }

describe('parts', () => {
  test('they sum up, and the handshake tells the network', () => {
    const t = new Wire().open(400, 20_000).time(FIELDS)
    assert.equal(t.latencyMicros, 5100)
    assert.deepEqual(
      [t.requestTransferMicros, t.networkMicros, t.serverMicros, t.responseTransferMicros],
      [30, 400, 4600, 70],
    )
    assert.equal(t.firstByteMicros, 5000)
    assert.equal(t.clientNetworkMicros, 20_000)
    assert.equal(t.view, 'between')
  })

  test('without round trips the server and the network cannot be told apart', () => {
    const t = new Wire().time(FIELDS)
    assert.deepEqual([t.latencyMicros, t.networkMicros, t.serverMicros], [5100, -1, -1])
    assert.equal(t.view, 'unknown')
  })

  test('who is near', () => {
    assert.equal(new Wire().open(20, 30_000).time(FIELDS).view, 'server')
    assert.equal(new Wire().open(30_000, 20).time(FIELDS).view, 'client')
    assert.equal(new Wire().open(20, 20).time(FIELDS).view, 'both')
  })

  test('the server never took less than nothing: it cannot be further away than it answers', () => {
    const wire = new Wire().open(8000, 20)
    const t = wire.time(FIELDS)
    assert.deepEqual([t.networkMicros, t.serverMicros], [5000, 0])
    assert.equal(wire.trips.fastest(wire.connection, 0), 5000)
    assert.equal(wire.time({ ...FIELDS, firstByteMicros: 9000 }).serverMicros, 4000)
  })

  test('a response behind others in a pipeline says nothing of the distance', () => {
    const wire = new Wire().open(8000, 20)
    wire.time({ ...FIELDS, aheadInPipeline: 3 })
    assert.equal(wire.trips.fastest(wire.connection, 0), 8000)
  })

  test('a response that begins before the request has ended', () => {
    const early = exchange({ connection: connection(), ...FIELDS, requestMicros: 9000, firstByteMicros: -4000 })
    let latency = 0
    let parts: number[] = []
    new ExchangeTimer(
      {
        onTimedExchange: (t) => {
          latency = t.latencyMicros
          parts = [t.requestTransferMicros, t.firstByteMicros, t.responseTransferMicros]
        },
      },
      new RoundTrips(),
    ).onExchange(early)
    assert.equal(latency, 5070)
    assert.deepEqual(parts, [5000, 0, 70])
  })

  test('nothing is known of what has no response', () => {
    for (const status of ['unanswered', 'unknown', 'silent'] as const) {
      const t = new Wire().open(400, 500).time({ ...FIELDS, status })
      assert.deepEqual([t.latencyMicros, t.firstByteMicros, t.networkMicros, t.serverMicros], [-1, -1, -1, -1])
    }
  })

  test('datagrams have no round trips', () => {
    const wire = new Wire().open(400, 500)
    const t = wire.time({ ...FIELDS, connection: undefined })
    assert.deepEqual([t.latencyMicros, t.networkMicros, t.view], [5100, -1, 'unknown'])
  })

  test('seen the wrong way round, the server is where requests go', () => {
    const t = new Wire().open(400, 2000).time({ ...FIELDS, requestDirection: 1 })
    assert.deepEqual([t.networkMicros, t.clientNetworkMicros], [2000, 400])
  })

  test('until a lost request was sent again the server had nothing to do', () => {
    const wire = new Wire().open(400, 500)
    wire.segment(100_030, 0, TCP_ACK, 1000, 5000, 33)
    wire.segment(300_030, 0, TCP_ACK, 1000, 5000, 33)
    const t = wire.time({ ...FIELDS, firstByteMicros: 201_400 })
    assert.deepEqual([t.networkMicros, t.serverMicros], [200_400, 1000])
    assert.equal(wire.time({ ...FIELDS, at: 400_000 }).networkMicros, 400, 'the next one is not blamed for it')
  })
})

describe('round trips', () => {
  test('data that is acknowledged by a segment without data; the fastest counts', () => {
    const wire = new Wire()
    wire.segment(0, 0, TCP_ACK, 1000, 5000, 33).segment(40_000, 1, TCP_ACK, 5000, 1033)
    assert.equal(wire.trips.fastest(wire.connection, 0), 40_000, 'delayed')
    wire.segment(50_000, 0, TCP_ACK, 1033, 5000, 33).segment(50_300, 1, TCP_ACK, 5000, 1066)
    assert.equal(wire.trips.fastest(wire.connection, 0), 300)
    wire.segment(60_000, 0, TCP_ACK, 1066, 5000, 33).segment(61_000, 1, TCP_ACK, 5000, 1099)
    assert.equal(wire.trips.fastest(wire.connection, 0), 300)
    assert.equal(wire.trips.fastest(wire.connection, 1), -1)
  })

  test('a response that acknowledges its request had to be thought of first', () => {
    const wire = new Wire()
    wire.segment(0, 0, TCP_ACK, 1000, 5000, 33).segment(3000, 1, TCP_ACK, 5000, 1033, 5)
    assert.equal(wire.trips.fastest(wire.connection, 0), -1)
    wire.segment(3100, 0, TCP_ACK, 1033, 5005)
    assert.equal(wire.trips.fastest(wire.connection, 1), 100)
  })

  test('what was sent twice is not timed', () => {
    const wire = new Wire()
    wire.segment(0, 0, TCP_SYN, 999, 0).segment(1000, 0, TCP_SYN, 999, 0)
    wire.segment(1400, 1, TCP_SYN | TCP_ACK, 4999, 1000)
    assert.equal(wire.trips.fastest(wire.connection, 0), -1)
  })

  test('an acknowledgement of something earlier does not count', () => {
    const wire = new Wire()
    wire.segment(0, 0, TCP_ACK, 1000, 5000, 33).segment(10, 1, TCP_ACK, 5000, 1000)
    assert.equal(wire.trips.fastest(wire.connection, 0), -1)
    wire.segment(500, 1, TCP_ACK, 5000, 1033)
    assert.equal(wire.trips.fastest(wire.connection, 0), 500)
  })

  test('sequence numbers wrap', () => {
    const wire = new Wire()
    wire.segment(0, 0, TCP_ACK, 0x7ffffff0, 0, 33).segment(200, 1, TCP_ACK, 0, (0x7ffffff0 + 33) | 0)
    assert.equal(wire.trips.fastest(wire.connection, 0), 200)
  })

  test('a slot that is used again begins anew, and far slots have room', () => {
    const wire = new Wire(connection(5000, 1)).open(400, 500)
    assert.equal(wire.trips.fastest(wire.connection, 0), 400)
    const next = connection(5000, 2)
    assert.equal(wire.trips.fastest(next, 0), -1)
    wire.connection.id = 2
    wire.segment(0, 0, TCP_ACK, 1000, 5000, 33)
    assert.equal(wire.trips.fastest(wire.connection, 0), -1)
  })
})

test('a clock that was set back between request and response: no latency is told', () => {
  const t = new Wire().open(400, 100).time({ ...FIELDS, firstByteMicros: -3600e6 })
  assert.equal(t.exchange.status, 'unknown')
  assert.deepEqual([t.latencyMicros, t.serverMicros, t.networkMicros], [-1, -1, -1])
  // interfaces are not always in order
  assert.equal(new Wire().open(400, 100).time({ ...FIELDS, firstByteMicros: -200 }).exchange.status, 'ok')
})

test('packets without a time: no latency, and nothing learnt of the network', () => {
  for (const field of ['requestStart', 'requestEnd', 'responseStart', 'responseEnd'] as const) {
    const wire = new Wire().open(400, 20_000)
    const untimed = exchange({ connection: wire.connection, ...FIELDS })
    untimed[field].known = false
    let found: TimedExchange | undefined
    new ExchangeTimer({ onTimedExchange: (t) => (found = t) }, wire.trips).onExchange(untimed)
    assert.equal(found?.exchange.status, 'ok')
    const parts = [found.latencyMicros, found.requestTransferMicros, found.firstByteMicros, found.serverMicros]
    assert.deepEqual(parts, [-1, -1, -1, -1], field)
  }
})
