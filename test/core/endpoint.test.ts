// Addresses as text: RFC 5952 §4, with its own examples.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Endpoint, formatAddress } from '../../src/core/endpoint.ts'

const six = (...groups: number[]): string => {
  const word = (i: number): number => (groups[i]! << 16) | groups[i + 1]! | 0
  return formatAddress(6, word(0), word(2), word(4), word(6))
}

test('IPv6 in its shortest form', () => {
  const cases: [number[], string][] = [
    [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], '2001:db8::1:0:0:1'],
    [[0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], '2001:db8:0:1:1:1:1:1'],
    [[0x2001, 0, 0, 1, 0, 0, 0, 1], '2001:0:0:1::1'],
    [[0, 0, 0, 0, 0, 0, 0, 0], '::'],
    [[0, 0, 0, 0, 0, 0, 0, 1], '::1'],
    [[1, 0, 0, 0, 0, 0, 0, 0], '1::'],
    [[0xfe80, 0, 0, 0, 0xabcd, 0xffff, 0x8000, 0xa], 'fe80::abcd:ffff:8000:a'],
  ]
  for (const [groups, text] of cases) assert.equal(six(...groups), text)
})

test('IPv4 uses the lowest word, also above 127.255.255.255', () => {
  assert.equal(formatAddress(4, 0, 0, 0, 0xc0000201 | 0), '192.0.2.1')
  assert.equal(formatAddress(4, 0, 0, 0, -1), '255.255.255.255')
})

test('an endpoint puts brackets around IPv6', () => {
  assert.equal(new Endpoint(4, 0, 0, 0, 0x0a000001, 80).toString(), '10.0.0.1:80')
  assert.equal(new Endpoint(6, 0, 0, 0, 1, 443).toString(), '[::1]:443')
})
