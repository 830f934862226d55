import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlushPace, PacedFlush } from '../../src/river/flush-pace.ts'

/** Moments at which a flush is done, asked each millisecond for so long; `packetsAt`: how many have come by then. */
function flushes(millis: number, packetsAt: (now: number) => number): number[] {
  const pace = new FlushPace()
  const at: number[] = []
  for (let now = 0; now < millis; now++) {
    if (!pace.isDue(now, packetsAt(now))) continue
    pace.flushed(now, packetsAt(now))
    at.push(now)
  }
  return at
}

test('after a silence at once, then every 15 ms', () => {
  assert.deepEqual(
    flushes(50, (now) => now),
    [0, 15, 30, 45],
  )
})

test('under load ten times a second', () => {
  assert.deepEqual(
    flushes(250, (now) => now * 60),
    [0, 100, 200],
  )
})

test('what a burst left behind follows when it is over', () => {
  const [first, second] = flushes(100, (now) => (now < 1 ? 0 : 600))
  assert.deepEqual([first, second], [0, 30])
})

test('what is gathered at a pause goes out although nothing else comes; a failure is told at the next pause', async () => {
  let done = 0
  const flush = new PacedFlush(() => {
    done++
    return done < 2 ? undefined : Promise.reject(new Error('nobody reads'))
  })
  const now = performance.now()
  assert.equal(flush.onPause(now, 1), undefined)
  assert.equal(done, 1)
  assert.equal(flush.onPause(now, 2), undefined)
  assert.equal(done, 1)
  while (done < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await assert.rejects(async () => flush.onPause(performance.now(), 3), /nobody reads/)
  flush.end()
})
