// Failing inputs as files, so that they can be run again: one input as it is, or several with their lengths before them.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { targets } from './registry.ts'
import type { FuzzTarget } from './target.ts'

const FOLDER = join(import.meta.dirname, 'failures')
const SEQUENCE_SUFFIX = '.sequence'

/** Writes inputs that make the target of that name fail, and returns the path. */
export function writeFailure(targetName: string, inputs: readonly Uint8Array[]): string {
  mkdirSync(FOLDER, { recursive: true })
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(input)
  const path = join(FOLDER, `${targetName}-${hash.digest('hex').slice(0, 12)}`)
  if (inputs.length === 1) {
    writeFileSync(path, inputs[0]!)
    return path
  }
  const parts = inputs.flatMap((input) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(input.length)
    return [length, input]
  })
  writeFileSync(path + SEQUENCE_SUFFIX, Buffer.concat(parts))
  return path + SEQUENCE_SUFFIX
}

/** The target is in the file's name, before the first `-`. */
export function readFailure(path: string): { target: FuzzTarget; inputs: Buffer[] } {
  const name = basename(path).split('-')[0]
  const target = targets.find((each) => each.name === name)
  if (target === undefined) throw new Error(`${path}: its name begins with that of no target`)
  const bytes = readFileSync(path)
  if (!path.endsWith(SEQUENCE_SUFFIX)) return { target, inputs: [bytes] }
  const inputs: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) {
    inputs.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)))
  }
  return { target, inputs }
}
