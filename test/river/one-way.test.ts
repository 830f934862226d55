// Captures of one direction alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OneWay } from '../../src/river/one-way.ts'
import { connection } from '../support/timed-exchanges.ts'

function line(conversations: readonly (readonly [number, number, number, number])[], requests = 0, answered = 0) {
  const oneWay = new OneWay()
  for (const [packets, bytes, packetsBack, bytesBack] of conversations) {
    const c = connection()
    Object.assign(c.streams[0], { packets, bytes })
    Object.assign(c.streams[1], { packets: packetsBack, bytes: bytesBack })
    oneWay.onClose(c, 'capture-ended', c.lastPacketTime)
  }
  return oneWay.line(requests, answered)
}

test('which half is missing', () => {
  const toServer = [9, 100, 0, 0] as const
  const toClient = [0, 0, 9, 100] as const
  assert.match(line([toServer], 20, 0)!, /: responses were not seen/)
  assert.match(line(Array(6).fill(toServer))!, /: responses were not seen/)
  assert.match(line(Array(6).fill(toClient))!, /: requests were not seen/)
  assert.match(line([], 20, 0)!, /: responses/, 'datagrams')
})

test('nothing is said of a handful, of servers that only acknowledge, of attempts', () => {
  assert.equal(line([[9, 100, 0, 0]], 5, 0), undefined)
  assert.equal(line([[9, 100, 5, 0]], 20, 0), undefined)
  assert.equal(line(Array(9).fill([3, 0, 0, 0])), undefined)
  assert.equal(line([[9, 100, 0, 0]], 20, 1), undefined)
  assert.equal(line([]), undefined)
})
