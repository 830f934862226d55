import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Exchange } from '../../../src/core/exchange.ts'
import { Packet } from '../../../src/core/packet.ts'
import { Datagram } from '../../../src/core/segment.ts'
import { DnsExchanges } from '../../../src/protocol/dns/dns-datagrams.ts'
import { timeOf } from '../exchange-transcript.ts'
import { AAAA, answer, query } from './dns-builder.ts'

interface Way {
  from?: number
  to?: number
  sport?: number
  dport?: number
  place?: number
}

/** Moments are milliseconds; unless told otherwise each datagram comes 100 of them after the last. */
class Talk {
  readonly told: string[] = []
  readonly exchanges: DnsExchanges
  readonly last: { exchange?: Exchange } = {}
  #moment = -100

  constructor(maximum?: number) {
    const onExchange = (e: Exchange): void => {
      const milli = (t: Exchange['requestStart']) => (t.seconds - timeOf(0).seconds) * 1000 + t.nanos / 1e6
      const parts = [e.request, e.status]
      if (e.statusText !== '') parts.push(e.statusText)
      parts.push(`${milli(e.requestStart)}`)
      if (e.responseEnd.seconds > 0) parts.push(`${milli(e.responseEnd)}`)
      parts.push(`${e.requestBytes}/${e.responseBytes}`)
      if (e.late) parts.push('late')
      if (e.retries > 0) parts.push(`${e.retries} retries`)
      this.told.push(parts.join(' | '))
      this.last.exchange = e
    }
    this.exchanges = new DnsExchanges({ consumer: { onExchange }, onFirstEvicted: () => {} }, maximum)
  }

  datagram(payload: Buffer, way: Way, after = 100): this {
    this.#moment += after
    const d = new Datagram()
    d.time.set(timeOf(this.#moment))
    d.place = way.place ?? 0
    d.sourceWord3 = way.from ?? 0x0a000001
    d.destinationWord3 = way.to ?? 0x0a000002
    d.sourcePort = way.sport ?? 40000
    d.destinationPort = way.dport ?? 53
    d.buf = Buffer.concat([Buffer.from('##'), payload, Buffer.from([0, 0, 1, 0, 1])])
    d.payloadStart = 2
    d.payloadEnd = 2 + payload.length
    this.exchanges.onDatagram(d, new Packet())
    d.buf.fill(0x58)
    return this
  }

  ask(payload: Buffer, way: Way = {}, after?: number): this {
    return this.datagram(payload, way, after)
  }

  /** The way back of the same `way`. */
  reply(payload: Buffer, way: Way = {}, after?: number): this {
    const { from = 0x0a000001, to = 0x0a000002, sport = 40000, dport = 53 } = way
    return this.datagram(payload, { ...way, from: to, to: from, sport: dport, dport: sport }, after)
  }

  end(): string[] {
    this.exchanges.close()
    return this.told
  }
}

describe('DNS over UDP', () => {
  test('types, names, codes, sizes', () => {
    const talk = new Talk()
    for (const [q, a] of [
      [{}, { answers: 1 }],
      [
        { type: AAAA, name: 'WWW.Example.com' },
        { type: AAAA, name: 'www.example.com', code: 3 },
      ],
      [
        { type: 65, edns: 0 },
        { type: 65, edns: 0, code: 2 },
      ],
      [
        { type: 65280, name: '' },
        { type: 65280, name: '', code: 5 },
      ],
      [
        { type: 255, name: 'a b.\x00\xff' },
        { type: 255, name: 'a b.\x00\xff' },
      ],
      [{ edns: 0 }, { edns: 1 }],
      [
        { type: 6, flags: 0x2800 },
        { type: 6, flags: 0xa800, code: 9 },
      ],
      [{}, { flags: 0x8380, answers: 2 }],
      [{}, { bare: true, code: 1 }],
    ] as const) {
      talk.ask(query(q)).reply(answer(a), {}, 7)
    }
    assert.deepEqual(talk.end(), [
      'A example.com | ok | NOERROR | 0 | 7 | 29/45',
      'AAAA WWW.Example.com | error | NXDOMAIN | 107 | 114 | 33/33',
      'HTTPS example.com | error | SERVFAIL | 214 | 221 | 40/40',
      'TYPE65280 . | error | REFUSED | 321 | 328 | 17/17',
      'ANY a\\032b.\\000\\255 | ok | NOERROR | 428 | 435 | 24/24',
      'A example.com | error | BADVERS | 535 | 542 | 40/40',
      'UPDATE example.com | error | NOTAUTH | 642 | 649 | 29/29',
      'A example.com | ok | NOERROR TC | 749 | 756 | 29/61',
      'A example.com | error | FORMERR | 856 | 863 | 29/12',
    ])
    assert.deepEqual(talk.exchanges.counters, { queries: 9, answers: 9, unmatchedAnswers: 0, malformed: 0, evicted: 0 })
  })

  test('an exchange says who asked whom', () => {
    const talk = new Talk().ask(query(), { place: 3 }).reply(answer(), { place: 3 })
    const e = talk.last.exchange!
    assert.deepEqual(
      [e.client?.toString(), e.server?.toString(), e.place, e.protocol, e.command, e.key, e.connection],
      ['10.0.0.1:40000', '10.0.0.2:53', 3, 'dns', 'A', 'example.com', undefined],
    )
  })

  test('paired by place, addresses, ports, id and question', () => {
    const talk = new Talk()
      .ask(query({ id: 7 }))
      .reply(answer({ id: 8 }))
      .reply(answer({ id: 7 }), { place: 1 })
      .reply(answer({ id: 7 }), { to: 0x0a000003 })
      .reply(answer({ id: 7 }), { sport: 40001 })
      .reply(answer({ id: 7, name: 'example.net' }))
      .reply(answer({ id: 7, type: AAAA }))
      .ask(query({ id: 9 }), { sport: 40001 })
      .reply(answer({ id: 9 }), { sport: 40001 })
    assert.deepEqual(talk.end(), [
      'A example.com | ok | NOERROR | 700 | 800 | 29/29',
      'A example.com | unknown | capture ended | 0 | 29/0',
    ])
    assert.equal(talk.exchanges.counters.unmatchedAnswers, 6)
  })

  test('out of order, A and AAAA at once', () => {
    const talk = new Talk()
      .ask(query({ id: 1 }))
      .ask(query({ id: 2, type: AAAA }))
      .reply(answer({ id: 2, type: AAAA }))
      .reply(answer({ id: 1 }))
    assert.deepEqual(talk.end(), [
      'AAAA example.com | ok | NOERROR | 100 | 200 | 29/29',
      'A example.com | ok | NOERROR | 0 | 300 | 29/29',
    ])
  })

  test('repeated with the same id and with new ones: one exchange, timed from the first', () => {
    for (const id of [1, 2, 3]) {
      const talk = new Talk()
        .ask(query({ id: 1 }))
        .ask(query({ id: 1 }))
        .ask(query({ id: 2, name: 'EXAMPLE.com' }))
        .ask(query({ id: 3 }))
        .reply(answer({ id }))
        .reply(answer({ id: 1 }))
        .reply(answer({ id: 2 }))
      assert.deepEqual(talk.end(), ['A example.com | ok | NOERROR | 0 | 400 | 29/29 | 3 retries'])
    }
  })

  test('repeated from a new port: with the same id it is the same query, with another one it is not', () => {
    const talk = new Talk()
      .ask(query({ id: 1 }))
      .ask(query({ id: 1 }), { sport: 40001 })
      .ask(query({ id: 2 }), { sport: 40002 })
      .reply(answer({ id: 1 }), { sport: 40001 })
      .reply(answer({ id: 2 }), { sport: 40002 })
      .reply(answer({ id: 1 }))
    assert.deepEqual(talk.end(), [
      'A example.com | ok | NOERROR | 0 | 300 | 29/29 | 1 retries',
      'A example.com | ok | NOERROR | 200 | 400 | 29/29',
    ])
  })

  test('the same packet captured twice is no repetition', () => {
    const talk = new Talk().ask(query()).ask(query(), {}, 0).reply(answer()).reply(answer(), {}, 0)
    assert.deepEqual(talk.end(), ['A example.com | ok | NOERROR | 0 | 100 | 29/29'])
  })

  test('the same id for several questions, answered in any order', () => {
    const talk = new Talk()
      .ask(query({ id: 1 }))
      .ask(query({ id: 1, type: AAAA }))
      .ask(query({ id: 1, name: 'b.c' }))
      .reply(answer({ id: 1, name: 'B.c' }))
      .reply(answer({ id: 1, name: 'exAMPle.com' }))
      .reply(answer({ id: 1, type: AAAA }))
      .reply(answer({ id: 1, type: AAAA }))
    assert.deepEqual(talk.end(), [
      'A b.c | ok | NOERROR | 200 | 300 | 21/21',
      'A example.com | ok | NOERROR | 0 | 400 | 29/29',
      'AAAA example.com | ok | NOERROR | 100 | 500 | 29/29',
    ])
    assert.equal(talk.exchanges.counters.unmatchedAnswers, 1)
  })

  test('a question whose letters have another case is the same, asked again or answered', () => {
    const talk = new Talk()
      .ask(query({ id: 1, name: 'eXaMpLe.CoM' }))
      .ask(query({ id: 1, name: 'ExAmPlE.cOm' }), { sport: 40001 })
      .reply(answer({ id: 1, name: 'example.com' }), { sport: 40001 })
    assert.deepEqual(talk.end(), ['A eXaMpLe.CoM | ok | NOERROR | 0 | 200 | 29/29 | 1 retries'])
  })

  test('an answer without a question belongs to the oldest query with its id', () => {
    const talk = new Talk()
      .ask(query({ id: 1 }))
      .ask(query({ id: 1, type: AAAA }))
      .reply(answer({ id: 1, bare: true, code: 1 }))
      .reply(answer({ id: 1, bare: true, code: 5 }))
      .reply(answer({ id: 1, bare: true, code: 5 }))
    assert.deepEqual(talk.end(), [
      'A example.com | error | FORMERR | 0 | 200 | 29/12',
      'AAAA example.com | error | REFUSED | 100 | 300 | 29/12',
    ])
  })

  test('repeated from the same port, answered once for each time', () => {
    const talk = new Talk()
    for (let i = 0; i < 3; i++) talk.ask(query({ id: 1 })).ask(query({ id: 1, type: AAAA }), {}, 0)
    for (let i = 0; i < 3; i++) talk.reply(answer({ id: 1, type: AAAA })).reply(answer({ id: 1 }), {}, 0)
    assert.deepEqual(talk.end(), [
      'AAAA example.com | ok | NOERROR | 0 | 300 | 29/29 | 2 retries',
      'A example.com | ok | NOERROR | 0 | 300 | 29/29 | 2 retries',
    ])
    assert.equal(talk.exchanges.counters.unmatchedAnswers, 4)
  })

  test('Docker’s resolver: asked behind the translation of its port, answering before it', () => {
    const docker = { from: 0x7f000001, to: 0x7f00000b, sport: 40000 }
    const talk = new Talk()
      .ask(query({ id: 1 }), { ...docker, dport: 38123 })
      .ask(query({ id: 1, type: AAAA }), { ...docker, dport: 38123 })
      .ask(query({ id: 1 }), { ...docker, dport: 38123 })
      .reply(answer({ id: 1, type: AAAA }), { ...docker, dport: 53 })
      .reply(answer({ id: 1 }), { ...docker, dport: 53 })
    assert.deepEqual(talk.end(), [
      'AAAA example.com | ok | NOERROR | 100 | 300 | 29/29',
      'A example.com | ok | NOERROR | 0 | 400 | 29/29 | 1 retries',
    ])
    const strangers = new Talk()
      .ask(query({ id: 1 }), { ...docker, dport: 38123 })
      .reply(answer({ id: 1 }), { ...docker, dport: 38124 })
      .reply(answer({ id: 1 }), { ...docker, to: 0x7f00000c, dport: 53 })
      .reply(answer({ id: 2 }), { ...docker, dport: 53 })
      .reply(answer({ id: 1, name: 'b.c' }), { ...docker, dport: 53 })
      .reply(answer({ id: 1 }), { ...docker, sport: 40001, dport: 53 })
    assert.deepEqual(strangers.end(), ['A example.com | unknown | capture ended | 0 | 29/0'])
  })

  test('who asks ever other questions with one id is not waited for without end', () => {
    const talk = new Talk()
    for (let i = 0; i < 40; i++) talk.ask(query({ id: 1, name: `n${i}` }))
    assert.equal(talk.told.length, 24)
    assert.equal(talk.told[0], 'A n0 | unanswered | 0 | 20/0')
    talk.reply(answer({ id: 1, name: 'n24' }))
    assert.equal(talk.told[24], 'A n24 | ok | NOERROR | 2400 | 4000 | 21/21')
  })

  test('patience', () => {
    const talk = new Talk().ask(query({ id: 1 })).ask(query({ id: 2, name: 'b.c' }))
    talk.exchanges.expire(timeOf(0))
    assert.deepEqual(talk.told, [])
    talk.exchanges.expire(timeOf(1))
    assert.deepEqual(talk.told, ['A example.com | unanswered | 0 | 29/0'])
    talk.reply(answer({ id: 1 })).reply(answer({ id: 2, name: 'b.c' }))
    assert.deepEqual(talk.end().slice(1), [
      'A example.com | ok | NOERROR | 0 | 200 | 29/29 | late',
      'A b.c | ok | NOERROR | 100 | 300 | 21/21',
    ])
  })

  test('told as unanswered, one is told again for its answer only, and once', () => {
    const talk = new Talk()
    for (const [id, name] of ['answered', 'repeated', 'silent', 'forgotten'].entries()) talk.ask(query({ id, name }))
    const patience = timeOf(350)
    for (let i = 0; i < 3; i++) talk.exchanges.expire(patience)
    talk.ask(query({ id: 1, name: 'repeated' })).ask(query({ id: 9, name: 'after' }))
    talk.exchanges.expire(patience)
    assert.deepEqual(
      talk.told.splice(0).map((line) => line.split(' | ', 2).join(' ')),
      ['A answered unanswered', 'A repeated unanswered', 'A silent unanswered', 'A forgotten unanswered'],
    )
    talk.reply(answer({ id: 0, name: 'answered', code: 3 })).reply(answer({ id: 0, name: 'answered' }))
    talk.reply(answer({ id: 1, name: 'repeated' }))
    talk.exchanges.forget(timeOf(400))
    talk.reply(answer({ id: 3, name: 'forgotten' }))
    assert.deepEqual(talk.end(), [
      'A answered | error | NXDOMAIN | 0 | 600 | 26/26 | late',
      'A repeated | ok | NOERROR | 100 | 800 | 26/26 | late | 1 retries',
      'A after | unknown | capture ended | 500 | 23/0',
    ])
    assert.equal(talk.exchanges.heldBytes, 0)
  })

  test('one that was not told as unanswered is when it is forgotten', () => {
    const talk = new Talk().ask(query({ id: 1 })).ask(query({ id: 2, name: 'b.c' }))
    talk.exchanges.forget(timeOf(50))
    talk.reply(answer({ id: 1 }))
    assert.deepEqual(talk.end(), [
      'A example.com | unanswered | 0 | 29/0',
      'A b.c | unknown | capture ended | 100 | 21/0',
    ])
  })

  test('those told as unanswered make room first, without a word', () => {
    const talk = new Talk(10)
    for (let id = 0; id < 10; id++) talk.ask(query({ id, name: `n${id}` }))
    talk.exchanges.expire(timeOf(450))
    assert.equal(talk.told.length, 5)
    for (let id = 10; id < 15; id++) talk.ask(query({ id, name: `n${id}` }))
    assert.deepEqual([talk.told.length, talk.exchanges.counters.evicted], [5, 0])
    talk.ask(query({ id: 15, name: 'n15' }))
    assert.deepEqual(talk.told.slice(5), ['A n5 | unknown | 500 | 20/0'])
    assert.equal(talk.exchanges.counters.evicted, 1)
  })

  test('at most so many are remembered', () => {
    const talk = new Talk(10)
    for (let i = 0; i < 25; i++) talk.ask(query({ id: i, name: `n${i}` }))
    assert.equal(talk.told.length, 15)
    assert.equal(talk.told[14], 'A n14 | unknown | 1400 | 21/0')
    assert.equal(talk.exchanges.counters.evicted, 15)
    talk.reply(answer({ id: 24, name: 'n24' }))
    assert.equal(talk.end().length, 25)
    assert.equal(talk.told[15], 'A n24 | ok | NOERROR | 2400 | 2500 | 21/21')
  })

  test('bounded in bytes, whatever is asked', () => {
    const maximumBytes = 1 << 20
    for (const name of ['', 'y'.repeat(60), `${'y'.repeat(60)}.`.repeat(3) + 'y'.repeat(40)]) {
      let told = 0
      let said = 0
      const consumer = { onExchange: () => told++ }
      const exchanges = new DnsExchanges({ consumer, onFirstEvicted: () => said++ }, 65536, maximumBytes)
      const d = new Datagram()
      for (let i = 0; i < 20_000; i++) {
        d.buf = query({ id: i & 0xffff, name: `${i}.${name}`.replace(/\.$/, '') })
        d.sourcePort = 1024 + (i % 5000)
        d.destinationPort = 53
        d.time.nanos = i * 1000
        d.payloadEnd = d.buf.length
        exchanges.onDatagram(d, new Packet())
        assert.ok(exchanges.heldBytes <= maximumBytes + 2000)
      }
      assert.ok(told > 10_000, `${told} ${name}`)
      assert.deepEqual([exchanges.counters.evicted, said], [told, 1])
      exchanges.close()
      assert.equal(told, 20_000)
      assert.equal(exchanges.heldBytes, 0)
    }
  })

  test('on other ports only what is a query beyond doubt; never multicast DNS', () => {
    const other = { dport: 8053 }
    const talk = new Talk()
      .ask(query({ name: 'a.b' }), other)
      .reply(answer({ name: 'a.b' }), other)
      .ask(query({ name: 'a\x01.b' }), other)
      .reply(answer({ name: 'a\x01.b' }), other)
      .ask(Buffer.concat([query(), Buffer.from('x')]), other)
      .ask(query({ type: 4000 }), other)
      .ask(query({ flags: 0x0400 }), other)
      .ask(query({ class: 7 }), other)
      .ask(query(), { dport: 5353 })
      .ask(query(), { sport: 5355, dport: 9999 })
    assert.deepEqual(talk.end(), ['A a.b | ok | NOERROR | 0 | 100 | 21/21'])
    assert.equal(talk.exchanges.counters.malformed, 0)
  })

  test('cut-off, compressed and endless names are malformed and harmless', () => {
    const whole = query({ name: 'abc.def' })
    const talk = new Talk()
    for (let length = 0; length < whole.length; length++) talk.ask(whole.subarray(0, length))
    const compressed = Buffer.from(whole)
    compressed[12] = 0xc0
    talk.ask(compressed).ask(Buffer.concat([whole.subarray(0, 12), Buffer.alloc(400, 1)]))
    assert.deepEqual(talk.end(), [])
    assert.equal(talk.exchanges.counters.malformed, whole.length + 2)
  })

  test('any bytes: nothing is thrown, nothing grows', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b)),
      fc
        .tuple(fc.boolean(), fc.nat(3), fc.array(fc.tuple(fc.nat(45), fc.nat(255)), { maxLength: 4 }))
        .map(([isQuery, id, changes]) => {
          const message = isQuery ? query({ id, edns: 0 }) : answer({ id, answers: 1, edns: 0 })
          for (const [at, byte] of changes) if (at < message.length) message[at] = byte
          return message
        }),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), bytes), { maxLength: 60 }), (datagrams) => {
        const talk = new Talk(5)
        let asked = 0
        for (const [forth, payload] of datagrams) {
          if (forth) talk.ask(payload)
          else talk.reply(payload)
          if (payload.length % 3 === 0) talk.exchanges.expire(timeOf(100 * (payload.length % 64)))
          if (payload.length % 16 === 0) talk.exchanges.forget(timeOf(100 * (payload.length % 64)))
          asked = talk.exchanges.counters.queries
        }
        const told = talk.end()
        const late = told.filter((line) => line.includes(' | late'))
        const unanswered = told.filter((line) => line.includes(' | unanswered | '))
        assert.ok(told.length - late.length <= asked && late.length <= unanswered.length)
        assert.equal(talk.exchanges.heldBytes, 0)
      }),
      { seed: 8, numRuns: 1000 },
    )
  })
})

test('a query from the future, or from before the clock was set back, does not hold up those after it', () => {
  const talk = new Talk()
  talk.ask(query({ id: 1, name: 'future.test' }), {}, 1e12)
  for (let i = 0; i < 3; i++)
    talk.ask(query({ id: 2 + i, name: `n${i}.test` }), { sport: 41000 + i }, i === 0 ? -1e12 + 200 : 100)
  talk.exchanges.forget(timeOf(5000))
  assert.deepEqual(
    talk.told.map((line) => line.split(' | ').slice(0, 2).join(' ')),
    ['A future.test unknown', 'A n0.test unanswered', 'A n1.test unanswered', 'A n2.test unanswered'],
  )
})
