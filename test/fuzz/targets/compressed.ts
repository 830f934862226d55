// Damaged compressed captures through the source that unpacks them: OperatorError is all that may go wrong.
// Input: the compressed file as it is.

import assert from 'node:assert/strict'
import { DecompressSource } from '../../../src/capture/decompress-source.ts'
import { OperatorError } from '../../../src/core/errors.ts'
import type { ByteSource } from '../../../src/core/ports.ts'
import { mutate } from '../mutate.ts'
import { seedCompressed } from '../seed-compressed.ts'
import { type FuzzTarget, stepBound } from '../target.ts'

/** Then it is closed: a bomb may go on for long, and nobody has to read it to its end. */
const ENOUGH_BYTES = 1 << 20
const INTO_BYTES = 10_000
const UNTOUCHED = 0xa5

let seeds: readonly Buffer[] | undefined

export const compressed: FuzzTarget = {
  name: 'compressed',
  generate(random) {
    seeds ??= seedCompressed()
    const seed = random.pick(seeds)
    return random.oneIn(8) ? Buffer.concat([mutate(random, seed), random.pick(seeds)]) : mutate(random, seed)
  },
  start() {
    return unpack
  },
}

async function unpack(file: Buffer): Promise<void> {
  const open = () => new MemorySource(file)
  // one in two can be read again, to get closer to the damage
  const source = new DecompressSource(open(), file.length % 2 === 0 ? open : undefined)
  const into = Buffer.alloc(INTO_BYTES, UNTOUCHED)
  let total = 0
  try {
    for (let steps = 0; total < ENOUGH_BYTES; steps++) {
      if (steps > stepBound(file.length)) assert.fail(`more than ${steps} reads of ${file.length} bytes`)
      // the first read needs room for what tells the formats apart
      const end = 8 + ((steps * 997) % (INTO_BYTES - 10))
      const got = await source.read(into, 1, 1 + end)
      if (!(got >= 0 && got <= end)) assert.fail(`${got} bytes for room of ${end}`)
      if (into[0] !== UNTOUCHED || into[1 + end] !== UNTOUCHED) assert.fail('written beyond the room')
      into.fill(UNTOUCHED, 1, 1 + got)
      if (got === 0) break
      total += got
    }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
  } finally {
    await source.close()
  }
  if (source.consumedBytes > file.length) assert.fail(`${source.consumedBytes} bytes of ${file.length} consumed`)
}

/** In pieces of all sizes, the same ones for the same file; half of them have to be waited for. */
class MemorySource implements ByteSource {
  readonly name = 'input'
  readonly totalBytes: number
  consumedBytes = 0
  readonly #file: Buffer
  readonly #pieceBytes: number

  constructor(file: Buffer) {
    this.#file = file
    this.totalBytes = file.length
    this.#pieceBytes = 1 + ((file.length * 31 + (file[file.length >> 1] ?? 0)) % 700)
  }

  read(into: Buffer, start: number, end: number): number | Promise<number> {
    const pieceEnd = this.consumedBytes + Math.min(end - start, this.#pieceBytes)
    const copied = this.#file.copy(into, start, this.consumedBytes, Math.min(this.#file.length, pieceEnd))
    this.consumedBytes += copied
    return this.#pieceBytes % 2 === 0 ? copied : Promise.resolve(copied)
  }

  stop(): void {}

  async close(): Promise<void> {}
}
