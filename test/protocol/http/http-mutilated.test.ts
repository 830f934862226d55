import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { http } from '../../../src/protocol/http/http.ts'
import { Transcript } from '../exchange-transcript.ts'
import { offsetAmong, playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation } from '../pipeline-simulation.ts'
import { httpSpeaker as speaker } from '../speakers.ts'

for (const habit of ['waits', 'batches', 'multiplexes'] as const satisfies readonly Habit[]) {
  test(`from the beginning everything is told, of a client that ${habit}`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      const simulation = new Simulation(speaker, habit, 60, new Random(seed))
      const told = new Transcript(http).play(simulation.steps()).close()
      assert.equal(simulation.check(told), 60)
    }
  })

  test(`from the middle: never a wrong pairing of a client that ${habit}`, () => {
    let paired = 0
    let asked = 0
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 1e6 }), (seed, where) => {
        const simulation = new Simulation(speaker, habit, 60, new Random(seed))
        const steps = simulation.from(offsetAmong(simulation.size, where))
        const told = new Transcript(http, { middle: true }).play(steps).close()
        paired += simulation.check(told)
        asked += told.length
        assert.deepEqual(new Transcript(http, { middle: true }).play(steps, 1).close(), told)
      }),
      { seed: 10, numRuns: 150 },
    )
    if (process.env.SHOW) console.error(habit, 'middle', paired / asked)
    assert.ok(paired >= asked * { waits: 0.8, batches: 0.8, multiplexes: 0 }[habit], `${paired} of ${asked}`)
  })

  test(`a gap of any size anywhere: never a wrong pairing of a client that ${habit}`, () => {
    const { paired, asked } = playGaps({ speaker, habit, count: 60, seed: 11, numRuns: 250 }, (steps) => {
      const told = new Transcript(http).play(steps).close()
      assert.deepEqual(new Transcript(http).play(steps, 1).close(), told)
      return told
    })
    if (process.env.SHOW) console.error(habit, 'gap', paired / asked)
    assert.ok(paired >= asked * { waits: 0.8, batches: 0.7, multiplexes: 0.3 }[habit], `${paired} of ${asked}`)
  })
}
