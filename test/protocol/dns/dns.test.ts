import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { dns } from '../../../src/protocol/dns/dns.ts'
import {
  RECOGNISED_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
} from '../../../src/protocol/exchange-parser.ts'
import { lines, playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'
import { offsetAmong, playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation, type Speaker } from '../pipeline-simulation.ts'
import { AAAA, answer, framed, query } from './dns-builder.ts'

function conversation(steps: readonly Step[], expected: readonly string[], middle = false): void {
  assert.deepEqual(lines(playEveryWay(dns, steps, { middle })), expected)
}

describe('DNS over TCP', () => {
  test('pipelined, answered in any order', () => {
    const large = answer({ id: 3, name: 'b.c', padding: 3000, edns: 0 })
    conversation(
      [
        ['>', framed(query({ id: 1 }), query({ id: 2, type: AAAA }))],
        ['>', framed(query({ id: 3, name: 'b.c' })).subarray(0, 1)],
        ['>', framed(query({ id: 3, name: 'b.c' })).subarray(1)],
        ['<', framed(answer({ id: 2, type: AAAA, code: 3 }), large).subarray(0, 1000)],
        ['<', framed(answer({ id: 2, type: AAAA, code: 3 }), large).subarray(1000)],
        ['<', framed(answer({ id: 1, edns: 1 }))],
      ],
      [
        'AAAA example.com | error | NXDOMAIN | 0-0 | 3-3 | 31/31 | behind 1',
        `A b.c | ok | NOERROR | 1-2 | 3-4 | 23/${large.length + 2} | behind 2`,
        'A example.com | error | BADVERS | 0-0 | 5-5 | 31/42',
      ],
    )
  })

  test('a zone transfer lasts until nothing more comes', () => {
    const zone = { type: 252, name: 'b.c' }
    const transcript = new Transcript(dns).play([
      ['>', framed(query(zone))],
      ['<', framed(answer({ ...zone, padding: 500 }))],
      ['<', framed(answer({ ...zone, padding: 500, bare: true }))],
    ])
    transcript.parser.expire(timeOf(2))
    assert.equal(transcript.told.length, 0)
    transcript.parser.expire(timeOf(3))
    assert.deepEqual(lines(transcript.close()), ['AXFR b.c | ok | NOERROR | 0-0 | 1-2 | 23/1061'])
  })

  test('unanswered, in the end and before; what has another question is no answer', () => {
    const transcript = new Transcript(dns).play([
      ['>', framed(query({ id: 1 }))],
      ['>', framed(query({ id: 2, name: 'b.c' }))],
      ['<', framed(answer({ id: 2, name: 'b.d' }), answer({ id: 3 }))],
    ])
    transcript.parser.expire(timeOf(1))
    assert.deepEqual(lines(transcript.close()), [
      'A example.com | unanswered | 0-0 | 31/0',
      'A b.c | unanswered | 1-1 | 23/0 | behind 1',
    ])
  })

  test('late: told as unanswered, and again for the answer', () => {
    const transcript = new Transcript(dns).play([
      ['>', framed(query({ id: 1 }))],
      ['>', framed(query({ id: 2, name: 'b.c' }))],
      ['>', framed(query({ id: 3, name: 'c.d' }))],
    ])
    for (let i = 0; i < 2; i++) transcript.parser.expire(timeOf(2))
    assert.deepEqual(lines(transcript.told.splice(0)), [
      'A example.com | unanswered | 0-0 | 31/0',
      'A b.c | unanswered | 1-1 | 23/0 | behind 1',
    ])
    transcript.play([
      ['<', framed(answer({ id: 3, name: 'c.d' }))],
      ['<', framed(answer({ id: 1, code: 3 }))],
    ])
    assert.deepEqual(lines(transcript.close()), [
      'A c.d | ok | NOERROR | 2-2 | 3-3 | 23/23 | behind 2',
      'A example.com | error | NXDOMAIN | 0-0 | 4-4 | 31/31 | late',
    ])
  })

  test('gaps: ids still pair; what may have been in a gap is unknown', () => {
    const reply = framed(answer({ id: 2, padding: 2000 }))
    conversation(
      [
        ['>', framed(query({ id: 1, name: 'a.b' }), query({ id: 2 }))],
        ['>', 40],
        ['>', framed(query({ id: 4, name: 'c.d' }))],
        ['<', framed(answer({ id: 3, name: 'gone' }))],
        ['<', 33],
        ['<', reply.subarray(0, 900)],
        ['<', 300],
        ['<', reply.subarray(1200)],
        ['<', framed(answer({ id: 4, name: 'c.d' }))],
      ],
      [
        `A example.com | ok | NOERROR | 0-0 | 5-7 | 31/${reply.length} | behind 1`,
        'A c.d | ok | NOERROR | 2-2 | 8-8 | 23/23 | behind 2',
        'A a.b | unknown | 0-0 | 23/0',
      ],
    )
  })

  test('requests without answers are bounded', () => {
    const transcript = new Transcript(dns)
    for (let id = 0; id < 2000; id++) transcript.play([['>', framed(query({ id }))]])
    assert.equal(transcript.told.length, 2000 - 1024)
    assert.equal(transcript.told[0]!.status, 'unknown')
  })
})

/** Answers come in order here; that they need not is tested above. */
const speaker: Speaker = (number, random) => {
  const name = `k${number}`
  const id = random.below(65536)
  return {
    request: framed(query({ id, name, ...(random.below(2) === 0 ? { edns: 0 } : {}) })),
    response: framed(answer({ id, name, answers: random.below(3), padding: random.below(20) === 0 ? 1500 : 0 })),
  }
}

for (const habit of ['waits', 'batches', 'multiplexes'] as const satisfies readonly Habit[]) {
  test(`from the middle: never a wrong pairing of a client that ${habit}`, () => {
    let paired = 0
    let asked = 0
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 1e6 }), (seed, where) => {
        const simulation = new Simulation(speaker, habit, 40, new Random(seed))
        const steps = simulation.from(offsetAmong(simulation.size, where))
        const told = new Transcript(dns, { middle: true }).play(steps).close()
        paired += simulation.check(told)
        asked += told.length
        simulation.check(new Transcript(dns, { middle: true }).play(steps, 7).close())
      }),
      { seed: 10, numRuns: 300 },
    )
    assert.ok(paired >= asked * 0.7, `${paired} of ${asked}`)
  })

  test(`a gap of any size anywhere: never a wrong pairing of a client that ${habit}`, () => {
    const { paired, asked } = playGaps({ speaker, habit, count: 40, seed: 11, numRuns: 500 }, (steps) =>
      new Transcript(dns).play(steps).close(),
    )
    assert.ok(paired >= asked * 0.8, `${paired} of ${asked}`)
  })
}

test('any bytes: nothing is thrown', () => {
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(framed(query()), framed(answer()), Buffer.from([0]), Buffer.from([0, 12]), Buffer.alloc(20)),
    fc.integer({ min: 1, max: 1e9 }),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom<'>' | '<'>('>', '<'), piece), { maxLength: 30 }),
      fc.boolean(),
      (steps, middle) => {
        new Transcript(dns, { middle }).play(steps).close()
        new Transcript(dns, { middle }).play(steps, 1).close()
      },
    ),
    { seed: 5, numRuns: 800 },
  )
})

describe('DNS recognition', () => {
  const whole = framed(query({ name: 'abc.def', edns: 0 }))
  for (const [name, bytes, verdict] of [
    ['a query', whole, RECOGNISED_CLIENT],
    ['an answer', framed(answer({ answers: 1 })), RECOGNISED_SERVER],
    ['a long answer that is cut off', framed(answer({ padding: 5000 })).subarray(0, 512), RECOGNISED_SERVER],
    ['the first byte', whole.subarray(0, 1), RECOGNISED_MAYBE],
    ['half a query', whole.subarray(0, 20), RECOGNISED_MAYBE],
    ['the root', framed(query({ name: '', type: 2 })), RECOGNISED_CLIENT],
    ['bytes behind the question that are no record', framed(Buffer.concat([query(), Buffer.alloc(1)])), RECOGNISED_NO],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: h\r\n\r\n'), RECOGNISED_NO],
    ['zeros', Buffer.alloc(40), RECOGNISED_NO],
    ['a short length', Buffer.from([0, 5, 1, 2, 3, 4, 5]), RECOGNISED_NO],
  ] as const) {
    test(name, () => assert.equal(dns.recognise(bytes, 0, bytes.length), verdict))
  }
})
