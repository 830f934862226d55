import assert from 'node:assert/strict'
import test from 'node:test'
import { Connection, type Direction, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import { CausalOrder } from '../../src/protocol/causal-order.ts'
import { HeldMemory } from '../../src/protocol/held-bytes.ts'
import { timeOf } from './exchange-transcript.ts'

class Shaky extends Stream {
  ahead = 0
  holds = false

  override get acknowledgedAhead(): number {
    return this.ahead
  }

  override get holdsBack(): boolean {
    return this.holds
  }
}

/** What the flow table delivers, by hand: `>` is direction 0. */
class Scene {
  readonly log: string[] = []
  readonly requests = new Shaky()
  readonly answers = new Shaky()
  readonly memory: HeldMemory
  readonly order: CausalOrder
  readonly #connection: Connection

  constructor(maximumBytes = 1e6) {
    this.#connection = new Connection(
      new Endpoint(4, 0, 0, 0, 1, 40000),
      new Endpoint(4, 0, 0, 0, 2, 80),
      this.requests,
      this.answers,
    )
    this.memory = new HeldMemory(maximumBytes)
    const arrow = (d: Direction): string => (d === 0 ? '>' : '<')
    this.order = new CausalOrder(
      this.#connection,
      {
        onOrderedData: (d, buf, start, end, t) =>
          this.log.push(`${arrow(d)} ${t.nanos / 1e6} ${buf.toString('latin1', start, end)}`),
        onOrderedGap: (d, missing, t) => this.log.push(`${arrow(d)} ${t.nanos / 1e6} [${missing}]`),
      },
      this.memory,
    )
  }

  say(arrow: '>' | '<', what: string | number, moment: number, packetMoment = moment): this {
    const d: Direction = arrow === '>' ? 0 : 1
    const stream = d === 0 ? this.requests : this.answers
    this.#connection.lastPacketTime.set(timeOf(packetMoment))
    if (typeof what === 'number') {
      this.order.onGap(d, what, timeOf(moment))
      stream.offset += what
    } else {
      const lent = Buffer.from(`#${what}#`)
      this.order.onData(d, lent, 1, 1 + what.length, timeOf(moment))
      lent.fill('#')
      stream.offset += what.length
    }
    return this
  }
}

test('what waits for a hole is handed on by time once the hole is given up', () => {
  const scene = new Scene()
  scene.answers.holds = true
  scene.say('>', 'ask2', 3).say('>', 'ask3', 5)
  assert.deepEqual(scene.log, [])
  scene.say('<', 10, 2, 6).say('<', 'said2', 4, 6)
  assert.deepEqual(scene.log, ['< 2 [10]', '> 3 ask2', '< 4 said2'])
  scene.answers.holds = false
  scene.say('<', 'said3', 6, 6)
  assert.deepEqual(scene.log.slice(3), ['> 5 ask3', '< 6 said3'])
  assert.ok(scene.order.empty)
  assert.equal(scene.memory.usedBytes, 0)
})

test('a gap is cut where requests acknowledged a part of it', () => {
  const scene = new Scene()
  scene.answers.ahead = 4
  scene.say('>', 'ask2', 3)
  scene.answers.ahead = 8
  scene.say('>', 'ask3', 5)
  scene.say('>', 'ask4', 6)
  scene.answers.holds = true
  // told with the time of what came behind it
  scene.say('<', 12, 9, 9)
  scene.answers.holds = false
  scene.answers.ahead = 0
  scene.say('<', 'said4', 9, 9)
  assert.deepEqual(scene.log, ['< 3 [4]', '> 3 ask2', '< 5 [4]', '> 5 ask3', '> 6 ask4', '< 9 [4]', '< 9 said4'])
})

test('an answer that was captured before its request comes after it', () => {
  const scene = new Scene()
  scene.requests.ahead = 3
  scene.say('<', 'said', 1)
  assert.deepEqual(scene.log, [])
  scene.say('>', 'ask', 2)
  assert.deepEqual(scene.log, ['> 2 ask', '< 1 said'])
})

test('of two that each acknowledge the other, the later one was sent again', () => {
  const scene = new Scene()
  scene.requests.ahead = 3
  scene.say('<', 'said', 1)
  scene.answers.ahead = 0
  scene.requests.ahead = 0
  // sent again, it acknowledges the answer
  scene.say('>', 'ask', 7)
  assert.deepEqual(scene.log, ['> 7 ask', '< 1 said'])
})

test('holes in both directions: what follows them is merged', () => {
  const scene = new Scene()
  scene.requests.holds = true
  scene.answers.holds = true
  scene.say('>', 3, 1, 9).say('>', 'ask2', 4, 9)
  assert.deepEqual(scene.log, [])
  scene.say('<', 4, 2, 9).say('<', 'said2', 5, 9)
  scene.requests.holds = false
  scene.answers.holds = false
  scene.say('<', 'more', 6, 9)
  assert.deepEqual(scene.log, ['> 1 [3]', '< 2 [4]', '> 4 ask2', '< 5 said2', '< 6 more'])
})

test('a hole that is forgotten holds nothing back for longer than until the next look', () => {
  const scene = new Scene()
  scene.answers.ahead = 1
  scene.say('>', 'ask', 1)
  scene.order.expire(timeOf(0))
  assert.deepEqual(scene.log, [])
  scene.answers.ahead = 0
  scene.order.expire(timeOf(0))
  assert.deepEqual(scene.log, ['> 1 ask'])
  scene.answers.ahead = 1
  scene.say('>', 'ask', 2)
  scene.order.expire(timeOf(3))
  assert.deepEqual(scene.log, ['> 1 ask', '> 2 ask'])
})

test('where too much waits, it is handed on as it came', () => {
  const scene = new Scene(1000)
  scene.answers.holds = true
  for (let i = 0; i < 20; i++) scene.say('>', `ask${i}`, i)
  assert.ok(scene.log.length >= 16)
  assert.ok(scene.memory.usedBytes <= 1300)
  scene.order.release()
  assert.equal(scene.log.length, 20)
  assert.equal(scene.memory.usedBytes, 0)
})
