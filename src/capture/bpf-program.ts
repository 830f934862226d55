// Classic BPF programs, as libpcap compiles filters to them: reading what `tcpdump -ddd` prints, and checking it
// (McCanne and Jacobson 1993; the semantics are those of libpcap's own interpreter).

/** One instruction: opcode, jump offsets when true and false, and an unsigned operand. */
export interface BpfInstruction {
  readonly code: number
  readonly jumpTrue: number
  readonly jumpFalse: number
  readonly operand: number
}

/** True when the program accepts `buf[start..end)`, a packet that had `wireLength` bytes. */
export type BpfMatcher = (buf: Buffer, start: number, end: number, wireLength: number) => boolean

const MAXIMUM_INSTRUCTIONS = 65536
export const BPF_SCRATCH_WORDS = 16

// Instruction classes that are told apart: the low three bits of an opcode.
export const BPF_ALU = 4
export const BPF_JMP = 5
const BPF_RET = 6

/** In ALU and JMP: the other operand is the index register and not the constant. */
export const BPF_FROM_INDEX = 0x08

/** All instructions but the extensions of kernels, which ask for what a savefile does not have. */
const KNOWN_CODES = new Set([
  ...[0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80], // ld
  ...[0x01, 0x61, 0x81, 0xb1], // ldx
  ...[0x02, 0x03], // st, stx
  ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0x94, 0xa4], // alu with a constant, neg
  ...[0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac], // alu with x
  ...[0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d], // jumps
  ...[0x06, 0x16], // ret
  ...[0x07, 0x87], // tax, txa
])
const SCRATCH_CODES = new Set([0x60, 0x61, 0x02, 0x03])
const DIVISIONS_BY_CONSTANT = new Set([0x34, 0x94])

/** Reads what `tcpdump -ddd` prints: the number of instructions, then four decimal numbers for each. Checks it too. */
export function parseBpf(text: string): BpfInstruction[] {
  const lines = text.trim().split('\n')
  const program = lines.slice(1).map((line) => {
    const fields = line.trim().split(/\s+/).map(Number)
    const [code, jumpTrue, jumpFalse, operand] = fields
    if (fields.length !== 4 || !fields.every((f) => Number.isInteger(f) && f >= 0 && f <= 0xffffffff)) {
      throw new TypeError(`not a BPF instruction: ${line}`)
    }
    return { code: code!, jumpTrue: jumpTrue!, jumpFalse: jumpFalse!, operand: operand! }
  })
  if (program.length !== Number(lines[0])) throw new TypeError('BPF program is not as long as it says')
  checkBpf(program)
  return program
}

/**
 * Throws TypeError unless the program is sound: known instructions, jumps that stay inside (they can only go forward, so
 * it ends), scratch words that exist, no division by a constant zero, a return at the end.
 */
export function checkBpf(program: readonly BpfInstruction[]): void {
  const last = program[program.length - 1]
  if (last === undefined || program.length > MAXIMUM_INSTRUCTIONS || (last.code & 7) !== BPF_RET) {
    throw new TypeError('BPF program does not end in a return')
  }
  program.forEach(({ code, jumpTrue, jumpFalse, operand }, index) => {
    if (!KNOWN_CODES.has(code)) throw new TypeError(`unknown BPF instruction 0x${code.toString(16)}`)
    if ((code & 7) === BPF_JMP) {
      const furthest = code === BPF_JMP ? operand : Math.max(jumpTrue, jumpFalse)
      if (index + 1 + furthest >= program.length) throw new TypeError('BPF jump leaves the program')
    }
    if (SCRATCH_CODES.has(code) && operand >= BPF_SCRATCH_WORDS) throw new TypeError('BPF has no such scratch word')
    if (DIVISIONS_BY_CONSTANT.has(code) && operand === 0) throw new TypeError('BPF program divides by zero')
  })
}
