// Steps of capture time, believable and not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Timestamp } from '../../src/core/timestamp.ts'
import { CaptureClock } from '../../src/flow/capture-clock.ts'

const HOUR = 3600

/** The clock's reading in seconds after each of the timestamps, an unsettled one as a string. */
function readings(...seconds: number[]): (number | string)[] {
  const clock = new CaptureClock()
  return seconds.map((second) => {
    const now = clock.advance(new Timestamp(Math.floor(second), (second % 1) * 1e9)) / 1e6
    return clock.settled ? now : `${now}?`
  })
}

test('small steps', () => assert.deepEqual(readings(1000, 1000.5, 1001, 1061), [0, 0.5, 1, 61]))

test('packets slightly out of order do not turn it back', () =>
  assert.deepEqual(readings(1000, 1010, 1005, 1010, 1011), [0, 10, 10, 10, 11]))

test('one absurd timestamp forward', () =>
  assert.deepEqual(readings(1000, 1001, 9e8, 1002, 1003), [0, 1, `${9e8 - 1000}?`, 2, 3]))

test('one absurd timestamp backward', () => assert.deepEqual(readings(1000, 1001, 0, 1002), [0, 1, '1?', 2]))

test('again and again', () =>
  assert.deepEqual(readings(1000, 9e8, 1001, 9e8, 1002, 0, 1003), [
    0,
    `${9e8 - 1000}?`,
    1,
    `${9e8 - 1000}?`,
    2,
    '2?',
    3,
  ]))

test('a long silence is confirmed by the next packet', () =>
  assert.deepEqual(readings(1000, 1000 + HOUR, 1001 + HOUR), [0, `${HOUR}?`, HOUR + 1]))

test('packets minutes apart: each confirms the one before', () =>
  assert.deepEqual(readings(1000, 1120, 1240, 1360, 1361), [0, '120?', '240?', '360?', 361]))

test('a second file from earlier goes on from where the clock is', () =>
  assert.deepEqual(readings(90_000, 90_005, 1000, 1001, 1011), [0, 5, '5?', 6, 16]))

test('what is no number is nothing', () => {
  assert.deepEqual(readings(1000, Number.NaN, Number.POSITIVE_INFINITY, 1001), [0, 0, 0, 1])
  assert.deepEqual(readings(Number.NaN, 1000, 1001), [0, 0, 1])
})

/** The latest confirmed time after each of the timestamps, and the clock's reading there, in seconds. */
function confirmations(...seconds: number[]): [time: number, reading: number][] {
  const clock = new CaptureClock()
  return seconds.map((second) => {
    clock.advance(new Timestamp(second))
    return [clock.confirmed.seconds, clock.confirmedNow / 1e6]
  })
}

test('what is confirmed follows one step behind where every step is a long one', () =>
  assert.deepEqual(confirmations(1000, 1061, 1122, 1183), [
    [1000, 0],
    [1000, 0],
    [1061, 61],
    [1122, 122],
  ]))

test('an absurd timestamp is never confirmed, a second file from earlier is', () => {
  assert.deepEqual(confirmations(1000, 9e8, 1002), [
    [1000, 0],
    [1000, 0],
    [1002, 2],
  ])
  assert.deepEqual(confirmations(90_000, 1000, 1001), [
    [90_000, 0],
    [90_000, 0],
    [1001, 1],
  ])
})
