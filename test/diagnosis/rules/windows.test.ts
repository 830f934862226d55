// How much the receiver lets the sender send, and what looks like it.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, diagnose } from '../../support/diagnosed.ts'
import { Talk } from '../../support/talk.ts'

const FULL = 'x'.repeat(1000)
const SHUT = { flags: '.', window: 0 }

function download(): Talk {
  return new Talk().open().client('GET').acknowledge(1)
}

describe('receiver-stalled', () => {
  test('a window that is shut for half a second', () => {
    const talk = download().server(FULL).segment(0, SHUT).wait(500).acknowledge(0).server(FULL).acknowledge(0)
    const result = diagnose(talk.close())
    assertFindings(result, 'receiver-stalled likely x 1')
    assert.match(result.findings[0]!.cause, /^10\.0\.0\.1 did not read .* 501\.0 ms in all/)
  })

  test('shut again and again: one finding, with the time in all', () => {
    const talk = download()
    for (let i = 0; i < 4; i++) talk.server(FULL).segment(0, SHUT).wait(300).acknowledge(0)
    const result = diagnose(talk.close())
    assertFindings(result, 'receiver-stalled likely x 1')
    assert.match(result.findings[0]!.cause, /for 1\.2 s in all, 4 times/)
  })

  test('shut to the end, and told before it', () => {
    const result = diagnose(download().server(FULL).segment(0, SHUT), { quietSeconds: 5 })
    assertFindings(result, 'receiver-stalled likely x 1')
    assert.match(result.findings[0]!.cause, /so it was to the end/)
  })

  test('a server that does not read an upload', () => {
    const talk = new Talk().open().client(FULL).segment(1, SHUT).wait(900).acknowledge(1).client(FULL).acknowledge(1)
    assertFindings(diagnose(talk.close()), 'receiver-stalled likely x 1')
  })

  test('a window of less than a segment', () => {
    const talk = download().server(FULL).segment(0, { flags: '.', window: 300 }).wait(400).acknowledge(0)
    assertFindings(diagnose(talk.server(FULL).acknowledge(0).close()), 'receiver-stalled likely x 1')
  })

  test('not: shut for a moment', () => {
    const talk = download()
    for (let i = 0; i < 20; i++) talk.server(FULL).segment(0, SHUT).wait(20).acknowledge(0)
    assertFindings(diagnose(talk.close()))
  })

  test('not: a large download that the server paces', () => {
    const talk = download()
    for (let i = 0; i < 50; i++) talk.server(FULL).acknowledge(0).wait(250)
    assertFindings(diagnose(talk.close()))
  })
})

describe('window-limited', () => {
  /** Sends as much as the window takes, waits a round trip, and again. */
  function windowfuls(times: number, roundTripMillis: number): Talk {
    const talk = new Talk().syn().wait(roundTripMillis).segment(1, { flags: 'S.', window: 4000 }, 1).acknowledge(0)
    for (let i = 0; i < times; i++) {
      for (let k = 0; k < 4; k++) talk.client(FULL)
      talk.wait(roundTripMillis).segment(1, { flags: '.', window: 4000 })
    }
    return talk
  }

  test('the window is full in every round trip', () => {
    const result = diagnose(windowfuls(12, 80))
    assertFindings(result)
    assertNotes(result, 'window-limited')
    assert.match(result.findings[0]!.cause, /window of 10\.0\.0\.2 allows \(4\.0 kB\)/)
  })

  test('not: a short way', () => assertNotes(diagnose(windowfuls(12, 2).close())))
  test('not: once', () => assertNotes(diagnose(windowfuls(3, 80))))
})

describe('nagle-delay', () => {
  function writeWriteRead(times: number): Talk {
    const talk = new Talk().open()
    for (let i = 0; i < times; i++) talk.client('head').wait(40).acknowledge(1).client('body').server('OK').wait(10)
    return talk.close()
  }

  test('again and again', () => {
    const result = diagnose(writeWriteRead(5))
    assertFindings(result, 'nagle-delay likely x 1')
    assert.match(result.findings[0]!.cause, /5 times, 210\.0 ms in all/)
  })

  test('a server that answers in two writes', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 4; i++) talk.client('ask').server('head').wait(40).acknowledge(0).server('body').wait(10)
    assertFindings(diagnose(talk.close()), 'nagle-delay likely x 1')
  })

  test('not: twice', () => assertFindings(diagnose(writeWriteRead(2))))

  test('not: a way of 45 ms, whose acknowledgements are not delayed', () => {
    const talk = new Talk().syn().wait(45).segment(1, { flags: 'S.' }, 1).acknowledge(0)
    for (let i = 0; i < 10; i++) talk.client('k').wait(45).acknowledge(1)
    assertFindings(diagnose(talk.close()))
  })

  test('not: full segments, which nothing holds back', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 6; i++) talk.client('head').wait(40).acknowledge(1).client('x'.repeat(1460)).acknowledge(1)
    assertFindings(diagnose(talk.close()))
  })
})

describe('slow-start-idle', () => {
  const ROUND_TRIP = 50
  const PART = 'x'.repeat(1400)
  /** Frames are a millisecond apart: so many of them pass before an acknowledgement comes. */
  const PARTS_IN_FLIGHT = 45

  /** Bursts of so many parts, each acknowledged a round trip later, and the next burst at once. */
  function bursts(talk: Talk, ...parts: number[]): Talk {
    for (const count of parts) {
      for (let i = 0; i < count; i++) talk.server(PART)
      talk.wait(Math.max(0, ROUND_TRIP - count)).acknowledge(0)
    }
    return talk
  }

  function longWay(): Talk {
    const talk = new Talk().syn().segment(1, { flags: 'S.' }, 1).wait(ROUND_TRIP).acknowledge(0).client('GET')
    return bursts(talk.acknowledge(1), PARTS_IN_FLIGHT, PARTS_IN_FLIGHT)
  }

  test('three rounds from a few segments on, after a second of silence', () => {
    const result = diagnose(bursts(longWay().wait(1000), 5, 10, 20, 40))
    assertFindings(result)
    assertNotes(result, 'slow-start-idle')
    assert.match(result.findings[0]!.cause, /10\.0\.0\.2 began slowly after a pause, 1 time: it sent 7\.0 kB/)
  })

  test('not: it goes on as before', () => assertNotes(diagnose(bursts(longWay().wait(1000), 45, 45))))

  test('not: a new connection', () => {
    const talk = new Talk().syn().segment(1, { flags: 'S.' }, 1).wait(ROUND_TRIP).acknowledge(0).client('GET')
    assertNotes(diagnose(bursts(talk.acknowledge(1), 5, 10, 20, 40)))
  })

  test('not: small answers to one request after the other', () => {
    const talk = longWay().wait(1000)
    for (let i = 0; i < 6; i++) talk.client('GET').wait(ROUND_TRIP).server(PART).wait(ROUND_TRIP).acknowledge(0)
    assertNotes(diagnose(talk))
  })
})
