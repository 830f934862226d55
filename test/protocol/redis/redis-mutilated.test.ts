import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { redis } from '../../../src/protocol/redis/redis.ts'
import { Transcript } from '../exchange-transcript.ts'
import { playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation, type Speaker } from '../pipeline-simulation.ts'

/** Values that look like what is around them. */
const LURES = [
  '\r\n+OK\r\n',
  '\r\n:5\r\n',
  '*1\r\n$4\r\nPING\r\n',
  '\r\n$3\r\nabc\r\n',
  '-ERR x\r\n',
  '\r\n*2\r\n:1\r\n:2\r\n',
  'text ',
  '\r\n',
]

function value(random: Random): string {
  let text = ''
  for (let i = random.below(5); i > 0; i--) text += LURES[random.below(LURES.length)]!
  return text + 'x'.repeat(random.below(40))
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

const speaker: Speaker = (number, random) => {
  const key = bulk(`k${number}`)
  switch (random.below(5)) {
    case 0:
      return spoken(`*3\r\n$3\r\nSET\r\n${key}${bulk(value(random))}`, '+OK\r\n')
    case 1:
      return spoken(`*2\r\n$4\r\nINCR\r\n${key}`, `:${random.below(1000)}\r\n`)
    case 2:
      return spoken(`*2\r\n$7\r\nHGETALL\r\n${key}`, `*2\r\n${bulk('field')}${bulk(value(random))}`)
    case 3:
      return spoken(`*2\r\n$4\r\nLPOP\r\n${key}`, '-WRONGTYPE no list\r\n')
    default:
      return spoken(`*2\r\n$3\r\nGET\r\n${key}`, random.below(4) === 0 ? '$-1\r\n' : bulk(value(random)))
  }
}

function spoken(request: string, response: string) {
  return { request: Buffer.from(request, 'latin1'), response: Buffer.from(response, 'latin1') }
}

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
