import assert from 'node:assert/strict'
import test from 'node:test'
import { AS_C, CANONICAL, CANONICAL_OR_PLUS, LineNumber } from '../../src/protocol/line-number.ts'

/** Whole, and cut in two at every place; undefined for what is no number. */
function numberIn(text: string, form: number): number | undefined {
  const line = Buffer.from(`##${text}\r\n9`)
  const end = 2 + text.length + 2
  const found = new Set<number | undefined>()
  for (let cut = 2; cut <= end; cut++) {
    const number = new LineNumber()
    number.begin(form)
    let pos = number.read(line, 2, cut)
    if (pos === cut) pos = number.read(line, cut, end)
    assert.equal(number.empty, pos === 2)
    found.add(pos === 2 + text.length && number.sound ? number.value : undefined)
  }
  assert.equal(found.size, 1, `${text}: ${[...found]}`)
  return [...found][0]
}

/** Text, then what it is as CANONICAL, CANONICAL_OR_PLUS and AS_C. */
const ROWS: readonly (readonly [string, number | undefined, number | undefined, number | undefined])[] = [
  ['0', 0, 0, 0],
  ['7', 7, 7, 7],
  ['10', 10, 10, 10],
  ['536870912', 536870912, 536870912, 536870912],
  ['9007199254740991', 9007199254740991, 9007199254740991, 9007199254740991],
  ['-1', -1, -1, -1],
  ['-10', -10, -10, -10],
  ['+5', undefined, 5, 5],
  ['+0', undefined, 0, 0],
  ['-0', undefined, undefined, 0],
  ['00', undefined, undefined, 0],
  ['04', undefined, undefined, 4],
  ['-04', undefined, undefined, -4],
  ['0000000000000000000000003', undefined, undefined, 3],
  ['', undefined, undefined, undefined],
  ['-', undefined, undefined, undefined],
  ['+', undefined, undefined, undefined],
  ['--1', undefined, undefined, undefined],
  ['-+1', undefined, undefined, undefined],
  ['+-1', undefined, undefined, undefined],
  [' 1', undefined, undefined, undefined],
  ['1 ', undefined, undefined, undefined],
  ['1x', undefined, undefined, undefined],
  ['0x1', undefined, undefined, undefined],
  ['1-', undefined, undefined, undefined],
  ['1.0', undefined, undefined, undefined],
  ['?', undefined, undefined, undefined],
  ['\xb2', undefined, undefined, undefined],
  ['100000000000000000000', undefined, undefined, undefined],
  ['9'.repeat(400), undefined, undefined, undefined],
]

test('what is a number, in each form and cut anywhere', () => {
  for (const [text, ...expected] of ROWS) {
    const found = [CANONICAL, CANONICAL_OR_PLUS, AS_C].map((form) => numberIn(text, form))
    assert.deepEqual(found, expected, JSON.stringify(text))
  }
})

test('one object reads many numbers', () => {
  const number = new LineNumber()
  for (const [text, value] of [
    ['-12', -12],
    ['3', 3],
    ['0', 0],
  ] as const) {
    number.begin(CANONICAL)
    number.read(Buffer.from(text), 0, text.length)
    assert.deepEqual([number.sound, number.value], [true, value])
  }
})
