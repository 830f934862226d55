// Pumping one feed to its end.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pump } from '../../src/river/feed.ts'
import { capture, feedOf, ManualSource, Recorder, whole } from './feed-fixture.ts'

test('one feed is read to its end, in its own order', async () => {
  const river = new Recorder()
  await pump(feedOf(whole('a', capture(3000, 1000, 2000))), river)
  assert.deepEqual(river.seen, ['a3000', 'a1000', 'a2000'])
})

test('when a pipe falls silent, what is gathered goes out; while it speaks, nothing does', async () => {
  const river = new Recorder()
  const source = new ManualSource('a')
  source.give(capture(1000))
  source.give(capture(2000).subarray(24))
  const done = pump(feedOf(source), river)
  while (!river.seen.includes('flush')) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.deepEqual(river.seen, ['a1000', 'a2000', 'flush'])
  source.give(capture(3000).subarray(24))
  source.end()
  await done
  assert.deepEqual(river.seen, ['a1000', 'a2000', 'flush', 'a3000'])
})

test('output that is gone ends a silent pipe’s run at once', async () => {
  const river = new Recorder()
  river.onFlush = () => Promise.reject(new Error('nobody reads'))
  const source = new ManualSource('a')
  source.give(capture(1000))
  await assert.rejects(pump(feedOf(source), river), /nobody reads/)
})
