// Captures that went through a terminal are told to have, and others are not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OperatorError } from '../../src/core/errors.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import { readAll } from './read-all.ts'

/** As ONLCR does. */
const throughTerminal = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1')

const frames = (payload: string, src = '10.0.0.1') =>
  Array.from({ length: 8 }, (_, i) => ({
    frame: ethernet({}, ipv4({ src, dst: '192.0.2.1' }, tcp({ sport: 40000, dport: 80, seq: i, flags: '.', payload }))),
    time: new Timestamp(1_700_000_000, 123_456_000 + i * 1_000_000),
  }))

for (const [what, payload, options] of [
  ['an address with a 10', '', {}],
  ['text', 'GET / HTTP/1.0\r\n\r\n', {}],
  ['nanoseconds', 'GET / HTTP/1.0\r\n\r\n', { nanoseconds: true }],
  ['big-endian', 'GET / HTTP/1.0\r\n\r\n', { bigEndian: true }],
] as const) {
  test(`pcap, ${what}`, () => {
    const sound = pcapFile(frames(payload), options)
    for (const size of [1_000_000, 100, 1]) {
      const chunkSize = () => size
      assert.equal(readAll(sound, { chunkSize }).damage, undefined)
      const { damage } = readAll(throughTerminal(sound), { chunkSize })
      assert.match(
        damage ?? '',
        /^packet \d at byte \d+ is none: it went through a terminal, which put a CR before each LF/,
      )
    }
  })
}

test('pcapng: its first bytes say so', () => {
  const section = Buffer.from('0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000', 'hex')
  assert.throws(
    () => readAll(throughTerminal(section)),
    (error) => {
      assert.ok(error instanceof OperatorError)
      assert.match(error.message, /is no capture: it went through a terminal/)
      assert.match(error.hint ?? '', /without -t/)
      return true
    },
  )
})

test('damage of another kind is called by its own name', () => {
  const sound = pcapFile(frames('GET / HTTP/1.0\r\n\r\n\n'))
  for (const cut of [sound.length - 1, 200, 30]) {
    assert.match(readAll(sound.subarray(0, cut)).damage ?? '', /^truncated/)
  }
  const without = pcapFile(frames('no line end', '192.0.2.2'))
  assert.deepEqual(throughTerminal(without), without)
})
