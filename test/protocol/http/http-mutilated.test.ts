import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { http } from '../../../src/protocol/http/http.ts'
import { Transcript } from '../exchange-transcript.ts'
import { offsetAmong, playGaps } from '../gaps.ts'
import { type Habit, Random, Simulation, type Speaker } from '../pipeline-simulation.ts'

/** Bodies that look like what is around them. */
const LURES = [
  'HTTP/1.1 ',
  'GET k1 ',
  'HTTP/1.1 200',
  '\r\n\r\n',
  '\n',
  '0\r\n\r\n',
  '5\r\nabcde\r\n',
  'Content-Length: 3\r\n',
]

function body(random: Random): string {
  let text = ''
  for (let i = random.below(4); i > 0; i--) text += LURES[random.below(LURES.length)]!
  return text + 'x'.repeat(random.below(60))
}

function chunks(text: string, random: Random): string {
  let all = ''
  for (let pos = 0; pos < text.length; ) {
    const size = 1 + random.below(text.length - pos)
    all += `${size.toString(16)}\r\n${text.slice(pos, pos + size)}\r\n`
    pos += size
  }
  return `${all}0\r\n\r\n`
}

const speaker: Speaker = (number, random) => {
  const text = body(random)
  const plain = `HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: ${text.length}\r\n\r\n`
  const get = `GET k${number} HTTP/1.1\r\nHost: example.com\r\n\r\n`
  switch (random.below(6)) {
    case 0:
      return spoken(
        `POST k${number} HTTP/1.1\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
        'HTTP/1.1 204 No\r\n\r\n',
      )
    case 1:
      return spoken(get, `HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n${chunks(text, random)}`)
    case 2:
      return spoken(get, 'HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n')
    case 3:
      return spoken(`HEAD k${number} HTTP/1.1\r\n\r\n`, plain)
    default:
      return spoken(get, plain + text)
  }
}

function spoken(request: string, response: string): { request: Buffer; response: Buffer } {
  return { request: Buffer.from(request, 'latin1'), response: Buffer.from(response, 'latin1') }
}

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
