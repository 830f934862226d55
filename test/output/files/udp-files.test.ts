import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Packet } from '../../../src/core/packet.ts'
import { Datagram } from '../../../src/core/segment.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { contents, filesPlan, openDescriptors, temporaryFolder, testRun } from './file-fixture.ts'

const packet = new Packet()

interface Fields {
  from?: number
  to?: number
  sport?: number
  dport?: number
  missing?: number
  place?: number
}

/** Numbers are the last byte of 10.0.0.x. */
function datagram(
  payload: string,
  { from = 1, to = 2, sport = 4000, dport = 53, missing = 0, place = 0 }: Fields = {},
) {
  const g = new Datagram()
  g.sourceWord3 = 0x0a000000 + from
  g.destinationWord3 = 0x0a000000 + to
  g.sourcePort = sport
  g.destinationPort = dport
  g.place = place
  g.time.seconds = 1_700_000_000
  g.buf = Buffer.from(payload)
  g.payloadEnd = payload.length
  g.missingBytes = missing
  return g
}

test('datagrams between two ends are a connection with two files', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder), testRun)
  sink.onDatagram(datagram('who?'), packet)
  sink.onDatagram(datagram('me!', { from: 2, to: 1, sport: 53, dport: 4000 }), packet)
  sink.onDatagram(datagram(' you?', { missing: 3 }), packet)
  sink.onDatagram(datagram('', { from: 9 }), packet)
  sink.onDatagram(datagram('.'), packet)
  sink.onDatagram(datagram('elsewhere', { place: 1 }), packet)
  await sink.finish()
  assert.deepEqual(contents(folder), {
    '010.000.000.001.04000-010.000.000.002.00053': 'who? you?\0\0\0.',
    '010.000.000.002.00053-010.000.000.001.04000': 'me!',
    '010.000.000.001.04000-010.000.000.002.00053c1': 'elsewhere',
  })
})

test('merged they are one', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { merge: true, nameTemplate: '%a-%b' }), testRun)
  sink.onDatagram(datagram('ping '), packet)
  sink.onDatagram(datagram('pong', { from: 2, to: 1, sport: 53, dport: 4000 }), packet)
  await sink.finish()
  assert.deepEqual(contents(folder), { '04000-00053': 'ping pong' })
})

test('one port talking to itself is one direction', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { nameTemplate: '%a-%b' }), testRun)
  sink.onDatagram(datagram('echo', { to: 1, dport: 4000 }), packet)
  sink.onDatagram(datagram('echo', { to: 1, dport: 4000 }), packet)
  await sink.finish()
  assert.deepEqual(contents(folder), { '04000-04000': 'echoecho' })
})

test('their number is bounded: the one silent longest ends, and begins anew if it speaks again', async (t) => {
  const folder = temporaryFolder(t)
  const sink = new FileSink(filesPlan(folder, { nameTemplate: '%a-%A' }), testRun)
  const before = openDescriptors(folder)
  sink.onDatagram(datagram('first', { sport: 1 }), packet)
  for (let i = 0; i < 16_384; i++) {
    sink.onDatagram(datagram('x', { from: 1 + (i >> 12), sport: 10 + (i & 4095) }), packet)
    if (i % 4096 === 0) sink.onDatagram(datagram('busy ', { sport: 2 }), packet)
  }
  sink.onDatagram(datagram('again', { sport: 1 }), packet)
  await sink.finish()
  assert.equal(openDescriptors(folder), before)
  const files = contents(folder)
  assert.equal(files['00001-010.000.000.001'], 'first')
  assert.equal(files['00001-010.000.000.001c1'], 'again')
  assert.equal(files['00002-010.000.000.001'], 'busy busy busy busy ')
  assert.equal(Object.keys(files).length, 16_384 + 3)
})
