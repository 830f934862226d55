import assert from 'node:assert/strict'
import test from 'node:test'
import { Exchange } from '../../src/core/exchange.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { HeldMemory } from '../../src/protocol/held-bytes.ts'
import { PendingRequests } from '../../src/protocol/pending-requests.ts'

test('first in, first out, against a plain array', () => {
  const pending = new PendingRequests(100, new HeldMemory(1e9))
  const plain: number[] = []
  const exchange = new Exchange()
  let next = 0
  let seed = 7
  for (let i = 0; i < 20000; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    const grows = (i >> 9) % 2 === 0
    if ((seed >>> 16) % 10 < (grows ? 7 : 3)) {
      assert.equal(pending.full, plain.length === 100)
      if (pending.full) continue
      const request = pending.push()
      request.mark = next
      request.key = `k${next}`
      plain.push(next++)
    } else if (plain.length > 0) {
      const oldest = plain.shift()!
      assert.equal(pending.first()!.mark, oldest)
      pending.shiftInto(exchange)
      assert.equal(exchange.key, `k${oldest}`)
    }
    assert.equal(pending.length, plain.length)
    assert.equal(pending.at(3)?.mark, plain[3])
    assert.equal(pending.first()?.mark, plain[0])
  }
  assert.ok(next > 1000)
})

test('a request moves into an exchange with its times', () => {
  const pending = new PendingRequests(undefined, new HeldMemory(1e9))
  const request = pending.push()
  request.start.set(new Timestamp(5, 1))
  request.end.set(new Timestamp(6, 2))
  request.bytes = 14
  request.command = 'GET'
  request.blocking = true
  request.aheadInPipeline = 3
  const exchange = new Exchange()
  pending.shiftInto(exchange)
  assert.deepEqual(
    [exchange.requestStart.seconds, exchange.requestEnd.nanos, exchange.requestBytes, exchange.command],
    [5, 2, 14, 'GET'],
  )
  assert.deepEqual([exchange.blocking, exchange.aheadInPipeline, pending.length], [true, 3, 0])
  assert.equal(pending.first(), undefined)
})

test('those of all connections are bounded together, and each may have one', () => {
  const all = new HeldMemory(10_000)
  const [one, other] = [new PendingRequests(1000, all), new PendingRequests(1000, all)]
  while (!one.full) one.push()
  assert.ok(one.length > 10 && one.length < 100, String(one.length))
  assert.equal(other.full, false)
  other.push()
  assert.equal(other.full, true)
  while (one.length > 0) one.drop()
  assert.equal(other.full, false)
  other.drop()
  assert.equal(all.usedBytes, 0)
})

test('who is silent keeps nothing, and goes on as before', () => {
  const pending = new PendingRequests(undefined, new HeldMemory(1e9))
  for (let i = 0; i < 40; i++) pending.push().end.set(new Timestamp(i, 0))
  for (let i = 0; i < 40; i++) pending.drop()
  const kept = pending.push()
  pending.drop()
  kept.end.set(new Timestamp(50, 0))
  pending.rest(new Timestamp(50, 0))
  for (let i = 0; i < 63; i++) pending.push()
  assert.equal(pending.push(), kept, 'nobody has rested: the objects go round')
  for (let i = 0; i < 64; i++) pending.drop()
  kept.end.set(new Timestamp(50, 0))
  pending.rest(new Timestamp(51, 0))
  for (let i = 0; i < 100; i++) pending.push().mark = i
  assert.notEqual(pending.first(), kept)
  assert.deepEqual([pending.length, pending.first()!.mark, pending.at(99)!.mark], [100, 0, 99])
})

test('one waiting request a connection counts for nothing, however many connections there are', () => {
  const all = new HeldMemory(100_000)
  const idle = Array.from({ length: 5000 }, () => new PendingRequests(100, all))
  for (const pending of idle) pending.push()
  assert.equal(all.usedBytes, 0)
  const busy = new PendingRequests(100, all)
  for (let i = 0; i < 3; i++) {
    assert.equal(busy.full, false)
    busy.push()
  }
  assert.ok(all.usedBytes > 0)
  while (busy.length > 0) busy.drop()
  assert.equal(all.usedBytes, 0)
})
