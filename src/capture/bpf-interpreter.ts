// Interprets a classic BPF program: for the rare one that is too large to be turned into a function.

import { BPF_FROM_INDEX, BPF_SCRATCH_WORDS, type BpfInstruction, type BpfMatcher, checkBpf } from './bpf-program.ts'

/** A matcher that interprets. Throws TypeError when the program is not sound. */
export function interpretBpf(program: readonly BpfInstruction[]): BpfMatcher {
  checkBpf(program)
  const scratch = new Int32Array(BPF_SCRATCH_WORDS)
  return (buf, start, end, wireLength) => run(program, scratch.fill(0), buf, start, end, wireLength)
}

function run(
  program: readonly BpfInstruction[],
  scratch: Int32Array,
  buf: Buffer,
  start: number,
  end: number,
  wireLength: number,
): boolean {
  const length = end - start
  let a = 0
  let x = 0
  // This ends, because every step goes forward and a checked program ends in a return.
  for (let counter = 0; ; ) {
    const { code, jumpTrue, jumpFalse, operand } = program[counter++]!
    switch (code) {
      case 0x00: // ld #k
        a = operand | 0
        break
      case 0x01: // ldx #k
        x = operand | 0
        break
      case 0x80: // ld len
        a = wireLength | 0
        break
      case 0x81: // ldx len
        x = wireLength | 0
        break
      case 0x60: // ld M[k]
        a = scratch[operand]!
        break
      case 0x61: // ldx M[k]
        x = scratch[operand]!
        break
      case 0x20: // ld [k]
      case 0x40: {
        // ld [x + k]
        const at = operand + (code === 0x40 ? x >>> 0 : 0)
        if (at + 4 > length) return false
        a = buf.readInt32BE(start + at)
        break
      }
      case 0x28: // ldh [k]
      case 0x48: {
        // ldh [x + k]
        const at = operand + (code === 0x48 ? x >>> 0 : 0)
        if (at + 2 > length) return false
        a = buf.readUInt16BE(start + at)
        break
      }
      case 0x30: // ldb [k]
      case 0x50: {
        // ldb [x + k]
        const at = operand + (code === 0x50 ? x >>> 0 : 0)
        if (at + 1 > length) return false
        a = buf[start + at]!
        break
      }
      case 0xb1: // ldxb 4*([k]&0xf)
        if (operand + 1 > length) return false
        x = (buf[start + operand]! & 15) * 4
        break
      case 0x02: // st M[k]
        scratch[operand] = a
        break
      case 0x03: // stx M[k]
        scratch[operand] = x
        break
      case 0x05: // ja
        counter += operand
        break
      case 0x06: // ret #k
        return operand !== 0
      case 0x16: // ret a
        return a !== 0
      case 0x07: // tax
        x = a
        break
      case 0x87: // txa
        a = x
        break
      case 0x84: // neg
        a = -a | 0
        break
      default: {
        const other = (code & BPF_FROM_INDEX) !== 0 ? x : operand | 0
        if ((code & 7) === 5) counter += jumps(code, a, other) ? jumpTrue : jumpFalse
        else if ((code & 0xf0) === 0x30 || (code & 0xf0) === 0x90) {
          if (other === 0) return false
          a = ((code & 0xf0) === 0x30 ? (a >>> 0) / (other >>> 0) : (a >>> 0) % (other >>> 0)) | 0
        } else a = arithmetic(code, a, other)
      }
    }
  }
}

function jumps(code: number, a: number, other: number): boolean {
  switch (code & 0xf0) {
    case 0x10:
      return a === other
    case 0x20:
      return a >>> 0 > other >>> 0
    case 0x30:
      return a >>> 0 >= other >>> 0
    default:
      return (a & other) !== 0
  }
}

function arithmetic(code: number, a: number, other: number): number {
  switch (code & 0xf0) {
    case 0x00:
      return (a + other) | 0
    case 0x10:
      return (a - other) | 0
    case 0x20:
      return Math.imul(a, other)
    case 0x40:
      return a | other
    case 0x50:
      return a & other
    case 0x60:
      return other >>> 0 < 32 ? a << other : 0
    case 0x70:
      return other >>> 0 < 32 ? (a >>> other) | 0 : 0
    default:
      return a ^ other
  }
}
