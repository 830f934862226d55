import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { memcached } from '../../../src/protocol/memcached/memcached.ts'
import { Transcript } from '../exchange-transcript.ts'
import { playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation, type Speaker } from '../pipeline-simulation.ts'
import {
  memcachedAnonymousSpeaker as anonymous,
  memcachedBinarySpeaker as binary,
  memcachedTextSpeaker as text,
} from '../speakers.ts'

const SPEAKERS: readonly [string, Speaker][] = [
  ['text', text],
  ['binary', binary],
  ['binary without opaques', anonymous],
]
const HABITS: readonly Habit[] = ['waits', 'batches', 'multiplexes']
const LEAST = { waits: 0.4, batches: 0.25, multiplexes: 0 }

for (const [name, speaker] of SPEAKERS) {
  for (const habit of HABITS) {
    test(`${name}, a client that ${habit}: whole, and from the middle at every byte`, () => {
      let paired = 0
      let asked = 0
      for (let seed = 1; seed <= 1; seed++) {
        const simulation = new Simulation(speaker, habit, 50, new Random(seed))
        const told = new Transcript(memcached).play(simulation.steps()).close()
        assert.equal(simulation.check(told), 50)
        assert.deepEqual(new Transcript(memcached).play(simulation.steps(), 1).close(), told)
        for (let offset = 0; offset < simulation.size; offset++) {
          const some = new Transcript(memcached, { middle: true }).play(simulation.from(offset)).close()
          paired += simulation.check(some)
          asked += some.length
        }
      }
      assert.ok(paired >= asked * LEAST[habit], `${paired} of ${asked}`)
    })

    test(`${name}, a client that ${habit}: a gap of any size anywhere`, () => {
      const { paired, asked } = playGaps(
        { speaker, habit, count: 50, seed: 17, numRuns: 150, slownesses: [1, 30, 200] },
        (steps) => new Transcript(memcached).play(steps).close(),
      )
      assert.ok(paired >= asked * 0.25, `${paired} of ${asked}`)
    })
  }
}

test('random bytes: nothing is thrown, and cuts make no difference', () => {
  const pieces = [
    'get a\r\n',
    'set a 0 0 1\r\n1\r\n',
    'set a 0 0 1\r\n\x00long\r\n',
    'set a b 0 0 1\r\n1\r\n',
    'CLIENT_ERROR bad command line format\r\n',
    'mg a q\r\n',
    'mn\r\n',
    'VALUE a 0 9999999\r\n',
    'END\r\n',
    'HD\r\n',
    'MN\r\n',
    'ERROR\r\n',
    '\x80',
    '\x81\0',
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
      (steps) => {
        const told = new Transcript(memcached).play(steps).close()
        // Until it is decided which protocol it is, cuts do make a difference.
        if (typeof steps[0]?.[1] !== 'number') {
          assert.deepEqual(new Transcript(memcached).play(steps, 1).close(), told)
        }
        new Transcript(memcached, { middle: true }).play(steps).close()
      },
    ),
    { seed: 5, numRuns: 800 },
  )
})
