// Counting: what is one finding, what is taken out again, and what stands instead of another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertFindings, diagnose } from '../support/diagnosed.ts'
import { Talk } from '../support/talk.ts'

const START = 1_700_000_000

/** Four SYNs to `serverPort`, and an answer to the last where one comes. */
function late(serverPort: number, answered: boolean): Talk {
  const talk = new Talk({ serverPort, clientPort: 30_000 + serverPort, startTime: START + serverPort / 1000 })
  talk.syn().wait(1000).repeat().wait(2000).repeat().wait(4000).repeat()
  return answered ? talk.segment(1, { flags: 'S.' }, 1).acknowledge(0).client('GET').server('OK').close() : talk
}

test('a connection is taken out of a finding of many ports too', () => {
  const talks = Array.from({ length: 10 }, (_, i) => late(1 + i, i < 3))
  const result = diagnose(talks, { quietSeconds: 10 })
  assertFindings(result, 'unanswered likely x 7', 'loss likely x 1', 'loss likely x 1', 'loss likely x 1')
  assert.equal(result.findings[0]!.connectionCount, 7)
})

test('all connections of a finding of many ports are taken out: it is withdrawn, and nothing is left of it', () => {
  const talks = Array.from({ length: 6 }, (_, i) => late(1 + i, true))
  const result = diagnose(talks)
  assert.ok(!result.findings.some(({ id }) => id === 'unanswered'))
  assert.equal(result.told.filter((each) => each === 'open unanswered').length, 4)
  assert.equal(result.told.filter((each) => each === 'withdrawn unanswered').length, 4)
})
