// Which packets count as copies of one.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Datagram, Segment, type Transport } from '../../src/core/segment.ts'
import { DuplicateFilter } from '../../src/flow/duplicates.ts'

function fill<T extends Transport>(t: T, payload: string, changes: Partial<Segment> = {}): T {
  t.time.seconds = 1_700_000_000
  t.time.nanos = 500_000_000
  t.sourceWord3 = 0x0a000001
  t.destinationWord3 = 0x0a000002
  t.sourcePort = 1234
  t.destinationPort = 80
  t.ipId = 77
  t.buf = Buffer.from(`##${payload}##`)
  t.payloadStart = 2
  t.payloadEnd = 2 + payload.length
  return Object.assign(t, changes)
}

const segment = (payload = 'abc', changes: Partial<Segment> = {}) => fill(new Segment(), payload, changes)

function later<T extends Transport>(t: T, micros: number): T {
  t.time.nanos += micros * 1000
  return t
}

describe('on several interfaces', () => {
  test('the same packet on another one within a millisecond is a copy, however often', () => {
    const filter = new DuplicateFilter({ sameInterface: false })
    assert.equal(filter.isDuplicate(segment()), false)
    assert.equal(filter.isDuplicate(later(segment('abc', { interfaceId: 1 }), 300)), true)
    assert.equal(filter.isDuplicate(later(segment('abc', { interfaceId: 2, hopLimit: 63, vlanId: 4 }), -900)), true)
    assert.equal(filter.count, 2)
  })

  test('a millisecond later it is not', () => {
    const filter = new DuplicateFilter({ sameInterface: false })
    filter.isDuplicate(segment())
    assert.equal(filter.isDuplicate(later(segment('abc', { interfaceId: 1 }), 1001)), false)
  })

  test('on the same interface it is a retransmission, and that has its copies too', () => {
    const filter = new DuplicateFilter({ sameInterface: false })
    const unnumbered = (interfaceId: number) => segment('abc', { ipId: 0, interfaceId })
    assert.equal(filter.isDuplicate(unnumbered(0)), false)
    assert.equal(filter.isDuplicate(unnumbered(1)), true)
    assert.equal(filter.isDuplicate(later(unnumbered(0), 200)), false)
    assert.equal(filter.isDuplicate(later(unnumbered(1), 201)), true)
  })

  for (const [what, changes] of Object.entries({
    'IP id': { ipId: 78 },
    place: { place: 1 },
    'source address': { sourceWord3: 5 },
    'destination address': { destinationWord3: 5 },
    'source port': { sourcePort: 5 },
    'destination port': { destinationPort: 5 },
    sequence: { sequence: 1 },
    acknowledgement: { acknowledgement: 1 },
    flags: { flags: 16 },
    window: { window: 9 },
    'payload length': { payloadEnd: 4 },
    'IPv6 source': { family: 6, sourceWord0: 5 },
    'IPv6 destination': { family: 6, destinationWord1: 5 },
  } as const)) {
    test(`another ${what} is another packet`, () => {
      const filter = new DuplicateFilter({ sameInterface: false })
      filter.isDuplicate(segment())
      assert.equal(filter.isDuplicate(segment('abc', { interfaceId: 1, ...changes })), false)
    })
  }

  test('another payload is another packet: its beginning, middle and end are compared', () => {
    for (const length of [1, 5, 48, 49, 1460]) {
      for (const at of [0, length >> 1, length - 1]) {
        const filter = new DuplicateFilter({ sameInterface: false })
        const payload = 'x'.repeat(length)
        filter.isDuplicate(segment(payload))
        const changed = `${payload.slice(0, at)}y${payload.slice(at + 1)}`
        assert.equal(filter.isDuplicate(segment(changed, { interfaceId: 1 })), false)
        assert.equal(filter.isDuplicate(segment(payload, { interfaceId: 1 })), true)
      }
    }
  })
})

describe('on any', () => {
  test('copies have the same interface', () => {
    const filter = new DuplicateFilter({ sameInterface: true })
    assert.equal(filter.isDuplicate(segment()), false)
    assert.equal(filter.isDuplicate(later(segment(), 10)), true)
    assert.equal(filter.isDuplicate(later(segment('abc', { ipId: 78 }), 20)), false)
  })

  test('datagrams too, and they are no segments', () => {
    const filter = new DuplicateFilter({ sameInterface: true })
    assert.equal(filter.isDuplicate(segment()), false)
    assert.equal(filter.isDuplicateDatagram(fill(new Datagram(), 'abc')), false)
    assert.equal(filter.isDuplicateDatagram(fill(new Datagram(), 'abc')), true)
    assert.equal(filter.isDuplicateDatagram(fill(new Datagram(), 'abd')), false)
  })

  test('at a million packets a second, each with its copy behind a hundred others, all copies are found', () => {
    const filter = new DuplicateFilter({ sameInterface: true })
    const s = segment()
    let wrong = 0
    for (let i = 0; i < 100_000; i++) {
      s.time.nanos = (500_000 + i) * 1000
      s.sequence = i
      if (filter.isDuplicate(s)) wrong++
      if (i < 100) continue
      s.sequence = i - 100
      if (!filter.isDuplicate(s)) wrong++
    }
    assert.ok(wrong < 20, `${wrong} wrong`)
  })
})
