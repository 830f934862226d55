// What a fuzz target is. A new one is a file in targets/ and a line in registry.ts.

import type { Random } from './random.ts'

export interface FuzzTarget {
  /** In the names of the files that failing inputs are kept in. */
  readonly name: string
  /** Makes an input out of nothing but `random`. */
  generate(random: Random): Buffer
  /**
   * Makes a runner, which may keep state from one input to the next, as a long capture does. It takes any bytes, and
   * throws (or rejects) when they made the program do what no bytes may. One input at a time.
   */
  start(): FuzzRunner
}

export type FuzzRunner = (input: Buffer) => void | Promise<void>

/** Most loop turns that an input of `bytes` may cost: what needs more hangs, sooner or later. */
export function stepBound(bytes: number): number {
  return 1000 + 4 * bytes
}
