import assert from 'node:assert/strict'
import test from 'node:test'
import { dataLengthOf, isNumber, isUnsigned, NO_LENGTH } from '../../../src/protocol/memcached/memcached-numbers.ts'

/** A word, and what memcached 1.6.18 made of it: as a length (-1: refused), as an expiration time, as flags. */
const ROWS: readonly (readonly [string, number, boolean, boolean])[] = [
  ['3', 3, true, true],
  ['+3', 3, true, true],
  ['03', 3, true, true],
  ['0000000000000000000000000003', 3, true, true],
  ['-0', 0, true, true],
  ['+0', 0, true, true],
  ['-1', NO_LENGTH, true, false],
  ['-+3', NO_LENGTH, false, false],
  ['+-3', NO_LENGTH, false, false],
  ['--3', NO_LENGTH, false, false],
  ['++3', NO_LENGTH, false, false],
  ['0x3', NO_LENGTH, false, false],
  ['3a', NO_LENGTH, false, false],
  ['', NO_LENGTH, false, false],
  ['2147483645', 2147483645, true, true],
  ['2147483646', NO_LENGTH, true, true],
  ['4294967296', 0, true, true],
  ['4294967299', 3, true, true],
  ['-4294967293', 3, true, false],
  ['18446744073709500000', NO_LENGTH, false, true],
  ['18446744073709551616', NO_LENGTH, false, false],
  ['-18446744073709500000', NO_LENGTH, false, true],
  ['99999999999999999999', NO_LENGTH, false, false],
]

test('numbers as the server takes them', () => {
  for (const [word, length, asTime, asFlags] of ROWS) {
    const line = Buffer.from(`9${word} 9`)
    const end = 1 + word.length
    assert.deepEqual(
      [dataLengthOf(line, 1, end), isNumber(line, 1, end), isUnsigned(line, 1, end)],
      [length, asTime, asFlags],
      word,
    )
  }
})
