// Clients of all habits against a server that answers in order, with the truth about every exchange: what a parser says
// of a mutilated recording of it must be true, or nothing.

import type { Step, Told } from './exchange-transcript.ts'

export interface Spoken {
  /** Holds `k7` where `number` is 7, so that an exchange can be recognised. */
  request: Buffer
  response: Buffer
}

/** Number → bytes. Keys and values may hold anything, but `key` must be found in Told.key. */
export type Speaker = (number: number, random: Random) => Spoken

export type Habit = 'waits' | 'batches' | 'multiplexes'

export interface Truth {
  key: string
  /** Moments and bytes as Told has them. */
  times: [number, number, number, number]
  bytes: [number, number]
}

/** A small generator with a seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 … below - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % limit
  }
}

interface Segment {
  arrow: '>' | '<'
  bytes: Buffer
  moment: number
  /** Its first byte is a message's first. */
  beginsMessage: boolean
}

export class Simulation {
  readonly segments: Segment[] = []
  readonly truths = new Map<string, Truth>()
  #moment = 0
  readonly #slowness: number

  /** Segments are 1 to `slowness` milliseconds apart. */
  constructor(speaker: Speaker, habit: Habit, count: number, random: Random, slowness = 1) {
    this.#slowness = slowness
    let asked = 0
    const waiting: { response: Buffer; truth: Truth }[] = []
    const ask = (howMany: number): void => {
      const requests: { bytes: Buffer; truth: Truth }[] = []
      for (let i = 0; i < howMany && asked < count; i++) {
        const { request, response } = speaker(asked, random)
        const truth: Truth = { key: `k${asked++}`, times: [-1, -1, -1, -1], bytes: [request.length, response.length] }
        this.truths.set(truth.key, truth)
        requests.push({ bytes: request, truth })
        waiting.push({ response, truth })
      }
      this.#send('>', requests, 0, random)
    }
    const answer = (howMany: number): void => {
      const responses = waiting.splice(0, howMany).map(({ response, truth }) => ({ bytes: response, truth }))
      this.#send('<', responses, 2, random)
    }
    while (asked < count || waiting.length > 0) {
      if (habit === 'waits') {
        ask(1)
        answer(1)
      } else if (habit === 'batches') {
        ask(1 + random.below(6))
        while (waiting.length > 0) answer(1 + random.below(waiting.length))
      } else if (asked < count && random.below(2) === 0) {
        ask(1 + random.below(3))
      } else if (waiting.length > 0) {
        answer(1 + random.below(3))
      }
    }
  }

  /** Some whole messages in segments cut anywhere, each at a moment of its own. */
  #send(arrow: '>' | '<', messages: { bytes: Buffer; truth: Truth }[], field: 0 | 2, random: Random): void {
    const all = Buffer.concat(messages.map((m) => m.bytes))
    let pos = 0
    let index = 0
    let offset = 0
    while (pos < all.length) {
      const size = random.below(3) === 0 ? 1 + random.below(all.length - pos) : all.length - pos
      const moment = this.#moment
      this.#moment += 1 + random.below(this.#slowness)
      this.segments.push({ arrow, bytes: all.subarray(pos, pos + size), moment, beginsMessage: pos === offset })
      pos += size
      while (index < messages.length && offset < pos) {
        const { bytes, truth } = messages[index]!
        if (truth.times[field] < 0) truth.times[field] = moment
        if (offset + bytes.length > pos) break
        truth.times[field === 0 ? 1 : 3] = moment
        offset += bytes.length
        index++
      }
    }
  }

  steps(): Step[] {
    return this.segments.map((s) => [s.arrow, s.bytes, s.moment])
  }

  get size(): number {
    return this.segments.reduce((sum, s) => sum + s.bytes.length, 0)
  }

  /** As a capture sees it that begins after `offset` bytes of both directions together. */
  from(offset: number): Step[] {
    const steps: Step[] = []
    let left = offset
    for (const { arrow, bytes, moment } of this.segments) {
      if (left < bytes.length) steps.push([arrow, bytes.subarray(left), moment])
      left = Math.max(0, left - bytes.length)
    }
    return steps
  }

  /**
   * Without `missing` bytes at `offset` of one direction. The gap and what follows it are told `late` segments later, as
   * reassembly does while it still hopes for the bytes.
   */
  withGap(arrow: '>' | '<', offset: number, missing: number, late: number): Step[] {
    const steps: Step[] = []
    const held: Step[] = []
    let pos = 0
    let told = false
    let countdown = -1
    const release = (): void => {
      countdown = -1
      steps.push(...held)
      held.length = 0
    }
    for (const segment of this.segments) {
      const { bytes, moment } = segment
      if (segment.arrow !== arrow) {
        steps.push([segment.arrow, bytes, moment])
      } else {
        const start = pos
        pos += bytes.length
        const before = bytes.subarray(0, Math.max(0, Math.min(bytes.length, offset - start)))
        const after = bytes.subarray(Math.max(0, Math.min(bytes.length, offset + missing - start)))
        if (before.length > 0) steps.push([arrow, before, moment])
        if (pos >= offset + missing && !told) {
          told = true
          countdown = late
          held.push([arrow, missing, moment])
        }
        if (after.length > 0 && start + bytes.length > offset + missing) {
          if (countdown >= 0) held.push([arrow, after, moment])
          else steps.push([arrow, after, moment])
        }
      }
      if (countdown >= 0 && countdown-- === 0) release()
    }
    release()
    return steps
  }

  directionSize(arrow: '>' | '<'): number {
    return this.segments.reduce((sum, s) => sum + (s.arrow === arrow ? s.bytes.length : 0), 0)
  }

  /** Throws when an exchange with an outcome is not exactly what happened; returns how many had one. */
  check(told: readonly Told[]): number {
    let paired = 0
    const seen = new Set<string>()
    for (const e of told) {
      if (e.status === 'unknown' || e.status === 'unanswered' || e.status === 'silent') continue
      const truth = this.truths.get(e.key)
      if (truth === undefined) throw new Error(`${e.request}: nobody asked for that`)
      if (seen.has(e.key)) throw new Error(`${e.request}: told twice`)
      seen.add(e.key)
      const is = JSON.stringify([e.times, e.bytes])
      const should = JSON.stringify([truth.times, truth.bytes])
      if (is !== should) throw new Error(`${e.request}: ${is} instead of ${should}`)
      paired++
    }
    return paired
  }
}
