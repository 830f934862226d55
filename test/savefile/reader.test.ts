import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { OperatorError } from '../../src/core/errors.ts'
import { READ_END, READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import { memorySource, readAll } from './read-all.ts'

describe('what is no capture', () => {
  for (const [name, bytes, message, hint] of [
    ['nothing', Buffer.alloc(0), /^test.pcap is empty$/, /file header/],
    ['three bytes', Buffer.from([1, 2, 3]), /has only 3 bytes$/, undefined],
    ['text', Buffer.from('GET / HTTP/1.1\r\n'), /looks like text$/, /tcpdump -w/],
    ['gzip (in gzip)', gzipSync('x'), /gzip data inside$/, /once more/],
    ['zip', Buffer.from('PK\x03\x04....'), /zip archive$/, /unpack/],
    ['snoop', Buffer.from('snoop\0\0\0'), /snoop file$/, /editcap/],
    ['anything else', Buffer.from([0xde, 0xad, 0xbe, 0xef, 0]), /begins with deadbeef$/, /pcapng/],
  ] as const) {
    test(name, () => {
      assert.throws(
        () => readAll(bytes),
        (error) => {
          assert.ok(error instanceof OperatorError)
          assert.match(error.message, message)
          if (hint === undefined) assert.equal(error.hint, undefined)
          else assert.match(error.hint ?? '', hint)
          return true
        },
      )
    })
  }
})

test('asynchronous sources, and where the reader is', async () => {
  const file = pcapFile([
    { frame: Buffer.from('one'), time: 1 },
    { frame: Buffer.from('three'), time: 2 },
  ])
  const memory = memorySource(file, () => 10)
  const reader = new SavefileReader('x', Buffer.alloc(65536))
  const source = { ...memory, read: async (b: Buffer, s: number, e: number) => memory.read(b, s, e) }
  const offsets: number[] = []
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) await reader.fill(source)
    else if (status === READ_PACKET) offsets.push(reader.offset)
  }
  assert.deepEqual(offsets, [43, 64])
  assert.equal(reader.packetCount, 2)
  assert.equal(reader.next(), READ_END)
})

test('an error of the source is passed on, and what was read before it stays', async () => {
  const file = pcapFile([{ frame: Buffer.from('one'), time: 1 }])
  const memory = memorySource(file.subarray(0, 50))
  const reader = new SavefileReader('x', Buffer.alloc(65536))
  assert.equal(reader.next(), READ_NEED_INPUT)
  reader.fill(memory)
  assert.equal(reader.next(), READ_PACKET)
  assert.equal(reader.next(), READ_NEED_INPUT)
  const broken = { ...memory, read: () => Promise.reject(new OperatorError('damaged')) }
  await assert.rejects(async () => reader.fill(broken), /damaged/)
})
