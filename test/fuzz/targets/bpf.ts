// BPF programs, sound and not: both matchers refuse the same ones, and agree about packets on the others.
// Input: the number of instructions (one byte), instructions of 8 bytes (code, jumps, operand), then the packet.

import assert from 'node:assert/strict'
import { compileBpf } from '../../../src/capture/bpf-compiler.ts'
import { interpretBpf } from '../../../src/capture/bpf-interpreter.ts'
import { type BpfInstruction, type BpfMatcher, parseBpf } from '../../../src/capture/bpf-program.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

const INSTRUCTION_BYTES = 8
/** Every opcode of classic BPF: loads, stores, arithmetic, jumps, returns, moves. */
const CODES = [
  ...[0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03],
  ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0x94, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c],
  ...[0x9c, 0xac, 0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d, 0x06, 0x16, 0x07, 0x87],
]

export const bpf: FuzzTarget = {
  name: 'bpf',
  generate(random) {
    const count = 1 + random.below(24)
    const program = Buffer.alloc(1 + count * INSTRUCTION_BYTES)
    program[0] = count
    for (let i = 0; i < count; i++) putInstruction(random, program, 1 + i * INSTRUCTION_BYTES, count - 1 - i)
    return Buffer.concat([program, random.bytes(random.below(64))])
  },
  start: () => check,
}

/** `left` instructions follow. Rarely unsound. */
function putInstruction(random: Random, program: Buffer, at: number, left: number): void {
  const code = left === 0 ? random.pick([0x06, 0x16]) : random.oneIn(300) ? random.below(65_536) : random.pick(CODES)
  const usesScratch = [0x60, 0x61, 0x02, 0x03].includes(code)
  const jump = () => (random.oneIn(300) ? random.below(256) : random.below(Math.max(1, left)))
  program.writeUInt16BE(code, at)
  program[at + 2] = jump()
  program[at + 3] = jump()
  const small = random.below(usesScratch ? 16 : 70)
  const operand = code === 0x05 ? jump() : random.oneIn(usesScratch ? 300 : 3) ? random.edge() : small
  program.writeUInt32BE(operand, at + 4)
}

function check(input: Buffer): void {
  const count = input[0] ?? 0
  const packetStart = Math.min(input.length, 1 + count * INSTRUCTION_BYTES)
  const program: BpfInstruction[] = []
  for (let at = 1; at + INSTRUCTION_BYTES <= packetStart; at += INSTRUCTION_BYTES) {
    program.push({
      code: input.readUInt16BE(at),
      jumpTrue: input[at + 2]!,
      jumpFalse: input[at + 3]!,
      operand: input.readUInt32BE(at + 4),
    })
  }
  const compiled = matcherOf(() => compileBpf(program))
  const interpreted = matcherOf(() => interpretBpf(program))
  assert.equal(compiled === undefined, interpreted === undefined, 'both refuse it or both take it')
  const lines = program.map((i) => `${i.code} ${i.jumpTrue} ${i.jumpFalse} ${i.operand}`)
  const parsed = matcherOf(() => interpretBpf(parseBpf([program.length, ...lines].join('\n'))))
  assert.equal(parsed === undefined, compiled === undefined, 'as text it is the same')
  if (compiled === undefined || interpreted === undefined) return
  for (const wireLength of [input.length - packetStart, 0xffffffff]) {
    const byFunction: boolean = compiled(input, packetStart, input.length, wireLength)
    const byStep: boolean = interpreted(input, packetStart, input.length, wireLength)
    assert.equal(typeof byFunction, 'boolean')
    assert.equal(byFunction, byStep, 'compiled and interpreted agree')
  }
}

/** undefined: refused, as an unsound program must be. */
function matcherOf(make: () => BpfMatcher): BpfMatcher | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
