// Conversations that lose bytes somewhere: the property that all protocols' parsers are held to.

import fc from 'fast-check'
import type { Step, Told } from './exchange-transcript.ts'
import { type Habit, Random, Simulation, type Speaker } from './pipeline-simulation.ts'

export interface GapOptions {
  readonly speaker: Speaker
  readonly habit: Habit
  /** Exchanges of a conversation. */
  readonly count: number
  readonly seed: number
  readonly numRuns: number
  /** Simulation's; one of them for each conversation. */
  readonly slownesses?: readonly number[]
}

/** Parts of a million as a byte among `size`. */
export function offsetAmong(size: number, millionths: number): number {
  return Math.floor((millionths / 1e6) * (size - 1))
}

/**
 * Plays conversations that lack bytes of one direction somewhere. `play` gets what is left of one, with a number of its own,
 * and returns what was told of it. Throws where that is wrong; returns how many exchanges were told, and how many of them
 * with an outcome.
 */
export function playGaps(
  { speaker, habit, count, seed, numRuns, slownesses = [1] }: GapOptions,
  play: (steps: Step[], conversation: number) => Told[],
): { paired: number; asked: number } {
  let paired = 0
  let asked = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 1e6 }),
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })),
      fc.integer({ min: 0, max: 12 }),
      fc.constantFrom(...slownesses),
      (conversation, fromClient, where, missing, late, slowness) => {
        const simulation = new Simulation(speaker, habit, count, new Random(conversation), slowness)
        const arrow = fromClient ? '>' : '<'
        const offset = offsetAmong(simulation.directionSize(arrow), where)
        const told = play(simulation.withGap(arrow, offset, missing, late), conversation)
        paired += simulation.check(told)
        asked += told.length
      },
    ),
    { seed, numRuns },
  )
  return { paired, asked }
}
