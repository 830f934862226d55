import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { redis } from '../../../src/protocol/redis/redis.ts'
import { Transcript } from '../exchange-transcript.ts'
import { playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation } from '../pipeline-simulation.ts'
import { redisSpeaker as speaker } from '../speakers.ts'

const HABITS: readonly Habit[] = ['waits', 'batches', 'multiplexes']

for (const habit of HABITS) {
  test(`whole: every exchange of a client that ${habit}`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const simulation = new Simulation(speaker, habit, 60, new Random(seed))
      const told = new Transcript(redis).play(simulation.steps()).close()
      assert.equal(simulation.check(told), 60)
      const cut = new Transcript(redis).play(simulation.steps(), 1).close()
      assert.deepEqual(cut, told)
    }
  })

  test(`from the middle, at every byte: never a wrong pairing of a client that ${habit}`, () => {
    let paired = 0
    let asked = 0
    for (let seed = 1; seed <= 1; seed++) {
      const simulation = new Simulation(speaker, habit, 60, new Random(seed))
      for (let offset = 0; offset < simulation.size; offset++) {
        const told = new Transcript(redis, { middle: true }).play(simulation.from(offset)).close()
        paired += simulation.check(told)
        asked += told.length
      }
    }
    const least = { waits: 0.5, batches: 0.3, multiplexes: 0 }[habit]
    assert.ok(paired >= asked * least, `${paired} of ${asked}`)
  })

  test(`a gap of any size anywhere: never a wrong pairing of a client that ${habit}`, () => {
    const { paired, asked } = playGaps(
      { speaker, habit, count: 60, seed: 11, numRuns: 200, slownesses: [1, 30, 200] },
      (steps, conversation) => {
        const told = new Transcript(redis).play(steps).close()
        if (conversation % 4 === 0) assert.deepEqual(new Transcript(redis).play(steps, 1).close(), told)
        return told
      },
    )
    assert.ok(paired >= asked * (habit === 'multiplexes' ? 0.25 : 0.5), `${paired} of ${asked}`)
  })
}

test('random bytes: nothing is thrown, and nothing said about them', () => {
  const pieces = [
    '*1\r\n',
    '*1000000000\r\n',
    '$536870912\r\n',
    '$4\r\nPING\r\n',
    '\r\n',
    '+',
    '>3\r\n',
    '%?\r\n',
    '*?\r\n',
    '.\r\n',
    '|9\r\n',
    ';',
  ]
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom<'>' | '<'>('>', '<'),
          fc.oneof(
            fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
            fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }).map((all) => all.join('')),
            fc.integer({ min: 1, max: 1e9 }),
          ),
        ),
        { maxLength: 30 },
      ),
      fc.boolean(),
      (steps, middle) => {
        const told = new Transcript(redis, { middle }).play(steps).close()
        assert.deepEqual(new Transcript(redis, { middle }).play(steps, 1).close(), told)
      },
    ),
    { seed: 5, numRuns: 1000 },
  )
})
