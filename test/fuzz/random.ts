// Numbers that look random and are the same every time, for fuzzing.

/** Marsaglia's xorshift on 32 bits. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** 0 … 2³²−1. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  /** 0 … n−1. */
  below(n: number): number {
    return this.next() % n
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.next() % n === 0
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let i = 0; i < count; i++) bytes[i] = this.next() >>> 7
    return bytes
  }

  /** A number at one of the places where arithmetic goes wrong, or any. */
  edge(): number {
    const base = this.pick([0, 0, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff])
    return this.oneIn(4) ? this.next() : (base + this.below(17) - 8) >>> 0
  }
}

/** The generator for one input: depends on the run's seed, the target and the input's number, and on nothing else. */
export function randomFor(seed: number, name: string, index: number): Random {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15) ^ index, 0xc2b2ae35)
  return new Random(hash ^ (hash >>> 13))
}
