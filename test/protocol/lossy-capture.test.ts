import assert from 'node:assert/strict'
import test from 'node:test'
import type { ExchangeProtocol } from '../../src/protocol/exchange-parser.ts'
import { http } from '../../src/protocol/http/http.ts'
import { memcached } from '../../src/protocol/memcached/memcached.ts'
import { raw } from '../../src/protocol/raw/raw.ts'
import { redis } from '../../src/protocol/redis/redis.ts'
import type { Told } from './exchange-transcript.ts'
import { capture } from './lossy-capture.ts'
import { type Habit, Random, Simulation, type Speaker } from './pipeline-simulation.ts'
import { httpSpeaker, lineSpeaker, memcachedBinarySpeaker, memcachedTextSpeaker, redisSpeaker } from './speakers.ts'

const COUNT = 60
/** Of one lost packet: the request whose bytes are missing, those that may be its neighbours', and those until it is proven. */
const A_HANDFUL = 6

const PROTOCOLS: readonly (readonly [string, ExchangeProtocol, Speaker])[] = [
  ['redis', redis, redisSpeaker],
  ['http', http, httpSpeaker],
  ['memcached', memcached, memcachedTextSpeaker],
  ['binary memcached', memcached, memcachedBinarySpeaker],
  ['raw', raw, lineSpeaker],
]

function unknownOf(told: readonly Told[]): number {
  return told.filter((e) => e.status === 'unknown').length
}

function simulationOf(speaker: Speaker, habit: Habit, seed: number): [Simulation, Random] {
  const random = new Random(seed)
  return [new Simulation(speaker, habit, COUNT, random, 1 + (seed % 3) * 20), random]
}

function fallbackOf(protocol: ExchangeProtocol): { fallback?: ExchangeProtocol } {
  return protocol === raw ? { fallback: raw } : {}
}

for (const [name, protocol, speaker] of PROTOCOLS) {
  test(`${name}: one lost packet makes a handful of requests unknown, and no pipeline`, () => {
    let worst = 0
    for (let seed = 1; seed <= 3; seed++) {
      const [simulation, random] = simulationOf(speaker, 'waits', seed)
      const isAcknowledged = random.below(2) === 0 ? () => true : () => random.below(3) === 0
      // nothing shows raw that more was to come
      const segments = simulation.segments.length - (protocol === raw ? 1 : 0)
      for (let lost = 0; lost < segments; lost++) {
        const isLost = (index: number): boolean => index === lost
        const told = capture(protocol, simulation, { isLost, isAcknowledged, ...fallbackOf(protocol) })
        simulation.check(keyed(told, simulation, protocol))
        // a form's body without its head, which looks like a response that never ends, hides the requests behind it
        const hidden = protocol === http ? 0 : COUNT - told.length
        worst = Math.max(worst, unknownOf(told) + hidden)
        // of a request cut in two a line may look like a request of its own
        const behind = told.find((e) => e.ahead > 0 && simulation.truths.has(e.key))
        if (protocol !== memcached) assert.equal(behind, undefined, `seed ${seed}, packet ${lost}: ${behind?.request}`)
        assert.ok(worst <= A_HANDFUL, `seed ${seed}, packet ${lost}: ${worst}\n${JSON.stringify(told)}`)
      }
    }
    if (process.env.SHOW) console.error(name, worst)
  })

  if (protocol === raw) continue
  for (const habit of ['batches', 'multiplexes'] as const satisfies readonly Habit[]) {
    test(`${name}: lost packets never pair wrongly what a client that ${habit} asked`, () => {
      let paired = 0
      let asked = 0
      for (let seed = 1; seed <= 20; seed++) {
        const [simulation, random] = simulationOf(speaker, habit, seed)
        for (let round = 0; round < 12; round++) {
          const first = random.below(simulation.segments.length)
          const many = 1 + random.below(3)
          const isLost = (index: number): boolean => index >= first && index < first + many
          const told = capture(protocol, simulation, { isLost, isAcknowledged: () => random.below(3) === 0 })
          paired += simulation.check(told)
          asked += told.length
        }
      }
      if (process.env.SHOW) console.error(name, habit, paired / asked)
      assert.ok(paired > asked * { batches: 0.5, multiplexes: 0.2 }[habit], `${paired} of ${asked}`)
    })
  }
}

for (const [name, protocol, speaker] of PROTOCOLS) {
  if (protocol === raw) continue
  test(`${name}: a capture that begins midway tells all complete pairs of a client that waits, and none that is wrong`, () => {
    let pairs = 0
    let paired = 0
    for (const habit of ['waits', 'batches', 'multiplexes'] as const satisfies readonly Habit[]) {
      for (let seed = 1; seed <= 4; seed++) {
        const [simulation] = simulationOf(speaker, habit, seed)
        const { segments } = simulation
        // in the middle of a message a value that looks like one could be taken for one
        while (segments.length > 2) {
          segments.shift()
          if (!segments[0]!.beginsMessage) continue
          const told = capture(protocol, simulation, { isLost: () => false, middle: true })
          const right = simulation.check(told)
          if (habit !== 'waits') continue
          const begin = segments[0]!.moment
          pairs += [...simulation.truths.values()].filter((truth) => truth.times[0] >= begin).length
          paired += right
        }
      }
    }
    if (process.env.SHOW) console.error(name, 'midway', paired / pairs)
    assert.ok(paired >= pairs * 0.9, `${paired} of ${pairs}`)
  })
}

test('an answer that was captured before its request: that one is unknown, and nothing is shifted', () => {
  for (const [protocol, speaker] of [
    [http, httpSpeaker],
    [redis, redisSpeaker],
  ] as const) {
    const simulation = new Simulation(speaker, 'waits', COUNT, new Random(5))
    const { segments } = simulation
    const first = segments.findIndex((s, i) => i > 20 && s.arrow === '<' && segments[i - 1]!.arrow === '>')
    const [early, late] = [segments[first]!, segments[first - 1]!]
    segments[first - 1] = { ...early, moment: late.moment }
    segments[first] = { ...late, moment: early.moment }
    const told = capture(protocol, simulation, { isLost: () => false })
    assert.equal(told.length, COUNT)
    assert.ok(unknownOf(told) <= 1, `${unknownOf(told)}`)
  }
})

/** Of a request of which the middle is missing `raw` knows the times, but not the key. */
function keyed(told: readonly Told[], simulation: Simulation, protocol: ExchangeProtocol): Told[] {
  if (protocol !== raw) return [...told]
  const keys = new Map([...simulation.truths.values()].map((truth) => [truth.times[0], truth.key]))
  return told.map((e) => ({ ...e, key: keys.get(e.times[0]) ?? '' }))
}
