// Turns a classic BPF program into a JavaScript function, which is several times as fast as interpreting it.

import { interpretBpf } from './bpf-interpreter.ts'
import {
  BPF_ALU,
  BPF_FROM_INDEX,
  BPF_JMP,
  BPF_SCRATCH_WORDS,
  type BpfInstruction,
  type BpfMatcher,
  checkBpf,
} from './bpf-program.ts'

/** Blocks are nested as deep as there are jump targets; V8's parser recurses and gives up somewhere above 2000. */
const MAXIMUM_TARGETS = 500

/**
 * A matcher for the program, which allocates nothing when called. Throws TypeError when the program is not sound. The
 * function's source consists only of the fixed words below and of checked integers.
 */
export function compileBpf(program: readonly BpfInstruction[]): BpfMatcher {
  checkBpf(program)
  const targets = jumpTargets(program)
  if (targets.size > MAXIMUM_TARGETS) return interpretBpf(program)
  // Registers hold signed 32-bit integers, which V8 keeps in machine registers.
  const lines = ['"use strict"', 'const length = end - start', 'let a = 0, x = 0, at = 0']
  for (let word = 0; word < BPF_SCRATCH_WORDS; word++) lines.push(`let m${word} = 0`)
  // All jumps go forward. So there is one labelled block for each target, which ends at the target; the nearest is the
  // innermost.
  for (const target of [...targets].sort((one, other) => other - one)) lines.push(`t${target}: {`)
  program.forEach((instruction, index) => {
    if (targets.has(index)) lines.push('}')
    lines.push(translate(instruction, index))
  })
  return new Function('buf', 'start', 'end', 'wireLength', lines.join('\n')) as BpfMatcher
}

/** Instructions that are the target of a jump. */
function jumpTargets(program: readonly BpfInstruction[]): Set<number> {
  const targets = new Set<number>()
  program.forEach(({ code, jumpTrue, jumpFalse, operand }, index) => {
    if ((code & 7) !== BPF_JMP) return
    for (const offset of code === BPF_JMP ? [operand] : [jumpTrue, jumpFalse]) {
      if (offset > 0) targets.add(index + 1 + offset)
    }
  })
  return targets
}

function translate(instruction: BpfInstruction, index: number): string {
  const { code, operand } = instruction
  if ((code & 7) === BPF_JMP) return translateJump(instruction, index)
  if ((code & 7) === BPF_ALU) return translateArithmetic(code, operand)
  switch (code) {
    case 0x00: // ld #k
      return `a = ${operand | 0}`
    case 0x01: // ldx #k
      return `x = ${operand | 0}`
    case 0x80: // ld len
      return 'a = wireLength | 0'
    case 0x81: // ldx len
      return 'x = wireLength | 0'
    case 0x60: // ld M[k]
      return `a = m${operand}`
    case 0x61: // ldx M[k]
      return `x = m${operand}`
    case 0x20: // ld [k]
    case 0x40: // ld [x + k]
      return `${locate(code, operand, 4)}; a = buf[at] << 24 | buf[at + 1] << 16 | buf[at + 2] << 8 | buf[at + 3]`
    case 0x28: // ldh [k]
    case 0x48: // ldh [x + k]
      return `${locate(code, operand, 2)}; a = buf[at] << 8 | buf[at + 1]`
    case 0x30: // ldb [k]
    case 0x50: // ldb [x + k]
      return `${locate(code, operand, 1)}; a = buf[at]`
    case 0xb1: // ldxb 4*([k]&0xf)
      return `${locate(code, operand, 1)}; x = (buf[at] & 15) << 2`
    case 0x02: // st M[k]
      return `m${operand} = a`
    case 0x03: // stx M[k]
      return `m${operand} = x`
    case 0x06: // ret #k
      return `return ${operand !== 0}`
    case 0x16: // ret a
      return 'return a !== 0'
    case 0x07: // tax
      return 'x = a'
    default: // 0x87 txa
      return 'a = x'
  }
}

/** Code that sets `at`, or rejects the packet if it is too short. */
function locate(code: number, operand: number, bytes: number): string {
  return (code & 0xe0) === 0x40
    ? `at = (x >>> 0) + ${operand}; if (at + ${bytes} > length) return false; at += start`
    : `if (${operand + bytes} > length) return false; at = start + ${operand}`
}

function translateArithmetic(code: number, operand: number): string {
  const fromIndex = (code & BPF_FROM_INDEX) !== 0
  const other = fromIndex ? 'x' : `(${operand | 0})`
  const guard = fromIndex ? 'if (x === 0) return false; ' : ''
  switch (code & 0xf0) {
    case 0x00:
      return `a = (a + ${other}) | 0`
    case 0x10:
      return `a = (a - ${other}) | 0`
    case 0x20:
      return `a = Math.imul(a, ${other})`
    case 0x30:
      return `${guard}a = ((a >>> 0) / (${other} >>> 0)) | 0`
    case 0x40:
      return `a |= ${other}`
    case 0x50:
      return `a &= ${other}`
    case 0x60:
      return `a = (${other} >>> 0) < 32 ? a << ${other} : 0`
    case 0x70:
      return `a = (${other} >>> 0) < 32 ? (a >>> ${other}) | 0 : 0`
    case 0x80:
      return 'a = -a | 0'
    case 0x90:
      return `${guard}a = ((a >>> 0) % (${other} >>> 0)) | 0`
    default: // 0xa0
      return `a ^= ${other}`
  }
}

function translateJump({ code, jumpTrue, jumpFalse, operand }: BpfInstruction, index: number): string {
  const go = (offset: number) => (offset === 0 ? '' : `break t${index + 1 + offset}`)
  if (code === BPF_JMP) return go(operand)
  const other = (code & BPF_FROM_INDEX) !== 0 ? 'x' : `(${operand | 0})`
  return `if (${comparison(code, other)}) { ${go(jumpTrue)} } else { ${go(jumpFalse)} }`
}

function comparison(code: number, other: string): string {
  switch (code & 0xf0) {
    case 0x10:
      return `a === ${other}`
    case 0x20:
      return `(a >>> 0) > (${other} >>> 0)`
    case 0x30:
      return `(a >>> 0) >= (${other} >>> 0)`
    default: // 0x40
      return `(a & ${other}) !== 0`
  }
}
