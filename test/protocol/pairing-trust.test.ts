import assert from 'node:assert/strict'
import test from 'node:test'
import { PairingTrust, TURN_DISPROVEN, TURN_NOTHING, TURN_PROVEN } from '../../src/protocol/pairing-trust.ts'

/** Turns of a connection met midway until something is shown; `Infinity` when nothing is. */
function turnsUntil(shown: number, trust: PairingTrust, depth: (turn: number) => number, silenceMicros = 0): number {
  for (let turn = 1; turn < 1000; turn++) if (trust.turn(depth(turn), true, silenceMicros) === shown) return turn
  return Number.POSITIVE_INFINITY
}

const NOTHING_WAITS = (): number => 0

test('seen from the beginning nothing has to be proven', () => {
  const trust = new PairingTrust(true)
  assert.equal(trust.inDoubt, false)
  assert.equal(turnsUntil(TURN_PROVEN, trust, NOTHING_WAITS), Number.POSITIVE_INFINITY)
})

test('four turns with nothing waiting; two after silence; one after a long one', () => {
  assert.equal(turnsUntil(TURN_PROVEN, new PairingTrust(false), NOTHING_WAITS), 4)
  assert.equal(turnsUntil(TURN_PROVEN, new PairingTrust(false), NOTHING_WAITS, 60_000), 2)
  assert.equal(turnsUntil(TURN_PROVEN, new PairingTrust(false), NOTHING_WAITS, 1_500_000), 1)
})

test('no silence proves anything that an answer may have taken', () => {
  const trust = new PairingTrust(false)
  trust.noteAnswer(500_000)
  assert.equal(turnsUntil(TURN_PROVEN, trust, NOTHING_WAITS, 1_500_000), 4)
  const slow = new PairingTrust(false)
  slow.noteAnswer(500_000)
  assert.equal(turnsUntil(TURN_PROVEN, slow, NOTHING_WAITS, 2_000_000), 1)
})

test('a client that sometimes has requests under way needs sixteen, and after a disproof twice as many', () => {
  const trust = new PairingTrust(false)
  trust.turn(2, true, 0)
  assert.equal(turnsUntil(TURN_PROVEN, trust, NOTHING_WAITS), 16)
  trust.disprove()
  trust.beginAnew()
  assert.equal(turnsUntil(TURN_PROVEN, trust, NOTHING_WAITS), 32)
})

test('between messages only: what goes on is no idle turn', () => {
  const trust = new PairingTrust(false)
  for (let turn = 0; turn < 3; turn++) assert.equal(trust.turn(0, false, 1e9), TURN_NOTHING)
})

test('the same number waiting again and again: those answers were missed', () => {
  assert.equal(
    turnsUntil(TURN_DISPROVEN, new PairingTrust(false), () => 3),
    4,
  )
  assert.equal(
    turnsUntil(TURN_DISPROVEN, new PairingTrust(false), (turn) => 1 + (turn % 2)),
    256,
  )
})

test('of a client that was seen to wait for each answer, nothing waits at its next turn', () => {
  const trust = new PairingTrust(true)
  for (let turn = 0; turn < 4; turn++) trust.turn(0, true, 0)
  trust.lose()
  assert.equal(
    turnsUntil(TURN_DISPROVEN, trust, () => 1),
    1,
  )
  const pipelining = new PairingTrust(true)
  for (let turn = 0; turn < 4; turn++) pipelining.turn(0, true, 0)
  pipelining.notePipeline()
  pipelining.lose()
  assert.equal(
    turnsUntil(TURN_DISPROVEN, pipelining, () => 1),
    4,
  )
})
