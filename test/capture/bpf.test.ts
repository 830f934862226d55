import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compileBpf } from '../../src/capture/bpf-compiler.ts'
import { interpretBpf } from '../../src/capture/bpf-interpreter.ts'
import { type BpfInstruction, parseBpf } from '../../src/capture/bpf-program.ts'

type Row = [code: number, jumpTrue: number, jumpFalse: number, operand: number]

function program(...rows: Row[]): BpfInstruction[] {
  return rows.map(([code, jumpTrue, jumpFalse, operand]) => ({ code, jumpTrue, jumpFalse, operand }))
}

/** What a program leaves in the accumulator, by asking for each bit; undefined when it rejects the packet. */
function accumulator(rows: Row[], packet: Buffer, wireLength = packet.length): number {
  const start = 3
  const lent = Buffer.concat([Buffer.alloc(start, 0xff), packet, Buffer.alloc(8, 0xff)])
  let value = 0
  for (let bit = 0; bit < 32; bit++) {
    const asks = program(...rows, [0x45, 0, 1, 2 ** bit], [0x06, 0, 0, 1], [0x06, 0, 0, 0])
    const [compiled, interpreted] = [compileBpf, interpretBpf].map((make) =>
      make(asks)(lent, start, start + packet.length, wireLength),
    )
    assert.equal(compiled, interpreted)
    if (compiled) value += 2 ** bit
  }
  return value
}

describe('instructions', () => {
  const packet = Buffer.from('0102030485060708', 'hex')
  const ld = (value: number): Row => [0x00, 0, 0, value]
  const ldx = (value: number): Row => [0x01, 0, 0, value]
  for (const [name, rows, expected] of [
    ['ld [k]', [[0x20, 0, 0, 3]], 0x04850607],
    ['ld [k], all ones', [ld(0), [0x20, 0, 0, 4]], 0x85060708],
    ['ldh [k]', [[0x28, 0, 0, 3]], 0x0485],
    ['ldb [k]', [[0x30, 0, 0, 4]], 0x85],
    ['ld [x + k]', [ldx(2), [0x40, 0, 0, 2]], 0x85060708],
    ['ldh [x + k]', [ldx(2), [0x48, 0, 0, 2]], 0x8506],
    ['ldb [x + k]', [ldx(2), [0x50, 0, 0, 5]], 8],
    ['ld len', [[0x80, 0, 0, 0]], 8],
    [
      'ldx len',
      [
        [0x81, 0, 0, 0],
        [0x87, 0, 0, 0],
      ],
      8,
    ],
    [
      'ldxb 4*([k]&0xf)',
      [
        [0xb1, 0, 0, 4],
        [0x87, 0, 0, 0],
      ],
      20,
    ],
    ['st and ld M[k]', [ld(7), [0x02, 0, 0, 15], ld(0), [0x60, 0, 0, 15]], 7],
    ['stx and ldx M[k]', [ldx(7), [0x03, 0, 0, 0], ldx(0), [0x61, 0, 0, 0], [0x87, 0, 0, 0]], 7],
    ['tax', [ld(9), [0x07, 0, 0, 0], ld(1), [0x0c, 0, 0, 0]], 10],
    ['add wraps', [ld(0xffffffff), [0x04, 0, 0, 2]], 1],
    ['sub wraps', [ld(1), [0x14, 0, 0, 2]], 0xffffffff],
    ['sub x', [ld(1), ldx(0xffffffff), [0x1c, 0, 0, 0]], 2],
    ['mul wraps', [ld(0x10001), [0x24, 0, 0, 0x10001]], 0x20001],
    ['div is unsigned', [ld(0xfffffffe), [0x34, 0, 0, 2]], 0x7fffffff],
    ['div by a large number', [ld(0xffffffff), [0x34, 0, 0, 0x80000000]], 1],
    ['div x', [ld(0xfffffffe), ldx(0x80000000), [0x3c, 0, 0, 0]], 1],
    ['mod is unsigned', [ld(0xffffffff), [0x94, 0, 0, 16]], 15],
    ['mod x', [ld(0xffffffff), ldx(0x80000000), [0x9c, 0, 0, 0]], 0x7fffffff],
    ['or', [ld(0x0f), [0x44, 0, 0, 0xf0000000]], 0xf000000f],
    ['and', [ld(0xff), [0x54, 0, 0, 0x8000000f]], 0x0f],
    ['xor', [ld(0xff), [0xa4, 0, 0, 0xffffffff]], 0xffffff00],
    ['lsh', [ld(3), [0x64, 0, 0, 31]], 0x80000000],
    ['lsh by the width', [ld(3), [0x64, 0, 0, 32]], 0],
    ['lsh x by more', [ld(3), ldx(0xffffffff), [0x6c, 0, 0, 0]], 0],
    ['rsh is unsigned', [ld(0x80000000), [0x74, 0, 0, 31]], 1],
    ['rsh x by the width', [ld(0x80000000), ldx(32), [0x7c, 0, 0, 0]], 0],
    ['neg', [ld(5), [0x84, 0, 0, 0]], 0xfffffffb],
  ] as [string, Row[], number][]) {
    test(name, () => assert.equal(accumulator(rows, packet), expected))
  }

  for (const [name, rows] of [
    ['ld [k]', [[0x20, 0, 0, 5]]],
    ['ldh [k]', [[0x28, 0, 0, 7]]],
    ['ldb [k]', [[0x30, 0, 0, 8]]],
    ['ldb [huge]', [[0x30, 0, 0, 0xffffffff]]],
    ['ld [x + k]', [ldx(3), [0x40, 0, 0, 2]]],
    ['ldb [x + k], where the sum wraps', [ldx(0xffffffff), [0x50, 0, 0, 1]]],
    ['ldxb', [[0xb1, 0, 0, 8]]],
    ['division by x = 0', [ld(1), [0x3c, 0, 0, 0]]],
    ['remainder by x = 0', [ld(1), [0x9c, 0, 0, 0]]],
  ] as [string, Row[]][]) {
    test(`${name} past the end, or undefined: the packet is rejected`, () => {
      for (const make of [compileBpf, interpretBpf]) {
        const lent = Buffer.concat([Buffer.alloc(8), packet, Buffer.alloc(8)])
        assert.equal(make(program(...rows, [0x06, 0, 0, 1]))(lent, 8, 16, 8), false)
        assert.equal(make(program([0x06, 0, 0, 1]))(lent, 8, 16, 8), true)
      }
    })
  }
})

const absoluteLoads = [0x20, 0x28, 0x30, 0xb1]
const indexedLoads = [0x40, 0x48, 0x50]
const others = [
  0x00, 0x01, 0x80, 0x81, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c,
]
const rest = [0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x07, 0x87]
const scratch = [0x60, 0x61, 0x02, 0x03]
const jumps = [0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d]

const interesting = fc.oneof(fc.nat(40), fc.constantFrom(1, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat())
const anyInstruction = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom(...absoluteLoads), fc.nat(60)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...indexedLoads), fc.nat(60)) },
  {
    weight: 9,
    arbitrary: fc.tuple(
      fc.constantFrom(...others, ...rest),
      interesting.map((n) => n || 1),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...scratch), fc.nat(15)) },
  { weight: 10, arbitrary: fc.tuple(fc.constantFrom(...jumps), interesting) },
)

test('compiled and interpreted agree on any sound program and any packet', () => {
  let accepted = 0
  let runs = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyInstruction, fc.nat(), fc.nat()), { minLength: 1, maxLength: 25 }),
      fc.array(fc.uint8Array({ minLength: 50, maxLength: 80 }), { minLength: 1, maxLength: 5 }),
      (rows, packets) => {
        const made = rows.map(([[code, operand], one, other], index): Row => {
          if (!jumps.includes(code)) return [code, 0, 0, operand]
          const most = rows.length - index
          return code === 0x05 ? [code, 0, 0, one % most] : [code, one % most, other % most, operand]
        })
        const whole = program(...made, [0x16, 0, 0, 0])
        const compiled = compileBpf(whole)
        const interpreted = interpretBpf(whole)
        for (const bytes of packets) {
          const lent = Buffer.concat([Buffer.alloc(5, 1), bytes, Buffer.alloc(9, 2)])
          const matched = compiled(lent, 5, 5 + bytes.length, 1500)
          assert.equal(matched, interpreted(lent, 5, 5 + bytes.length, 1500))
          runs++
          if (matched) accepted++
        }
      },
    ),
    { seed: 31, numRuns: 3000 },
  )
  assert.ok(accepted > runs / 10 && accepted < (runs * 9) / 10, `${accepted} of ${runs} accepted says little`)
})

test('a program with thousands of jump targets still runs', () => {
  const hosts = 3000
  const rows: Row[] = [[0x20, 0, 0, 0]]
  for (let i = 0; i < hosts; i++) rows.push([0x15, 0, 1, i * 3], [0x06, 0, 0, 1])
  rows.push([0x06, 0, 0, 0])
  const matcher = compileBpf(program(...rows))
  const packet = Buffer.alloc(4)
  packet.writeUInt32BE(2999 * 3)
  assert.equal(matcher(packet, 0, 4, 4), true)
  packet.writeUInt32BE(2999 * 3 + 1)
  assert.equal(matcher(packet, 0, 4, 4), false)
})

describe('refused', () => {
  for (const [name, text, message] of [
    ['no instructions', '0\n', /not a BPF instruction|does not end/],
    ['another length', '2\n6 0 0 1\n', /as long as it says/],
    ['words', '1\n6 0 0 x\n', /not a BPF instruction/],
    ['a negative number', '1\n6 0 0 -1\n', /not a BPF instruction/],
    ['no return at the end', '1\n0 0 0 1\n', /does not end in a return/],
    ['a jump out', '2\n21 0 1 5\n6 0 0 1\n', /jump leaves/],
    ['a long jump out', '2\n5 0 0 4294967295\n6 0 0 1\n', /jump leaves/],
    ['a scratch word that is not there', '2\n96 0 0 16\n6 0 0 1\n', /scratch/],
    ['division by zero', '2\n52 0 0 0\n6 0 0 1\n', /zero/],
    ['an unknown instruction', '2\n255 0 0 0\n6 0 0 1\n', /unknown BPF instruction 0xff/],
  ] as const) {
    test(name, () => assert.throws(() => parseBpf(text), message))
  }
})
