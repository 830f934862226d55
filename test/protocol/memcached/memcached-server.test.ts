import assert from 'node:assert/strict'
import test from 'node:test'
import { memcached } from '../../../src/protocol/memcached/memcached.ts'
import { type Told, Transcript } from '../exchange-transcript.ts'
import { RawClient, RecordingProxy, stopServer } from '../recording-proxy.ts'
import { frame } from './memcached-frame.ts'
import { startMemcached } from './memcached-process.ts'

test('against memcached: as many exchanges of each command as its own counters say', async (t) => {
  const started = await startMemcached(t, 2)
  if (started === undefined) return
  const { server, port } = started
  const proxy = new RecordingProxy(port)
  const proxyPort = await proxy.listen()
  try {
    await Promise.all([talkText(proxyPort), talkMeta(proxyPort), talkBinary(proxyPort)])
    const direct = new RawClient(port)
    const stats = await direct.ask('stats\r\n', 'END\r\n')
    await direct.close()
    const counts = new Map(
      [...stats.matchAll(/STAT (\S+) (\d+)\r\n/g)].map(([, name, value]) => [name!, Number(value)]),
    )
    compare(toldBy(proxy), (name) => counts.get(name) ?? 0)
  } finally {
    await proxy.close()
    await stopServer(server)
  }
})

async function talkText(port: number): Promise<void> {
  const client = new RawClient(port)
  for (let i = 0; i < 200; i++) {
    await client.ask(`set key${i} 0 0 5\r\nEND\r\n\r\nget key${i}\r\n`, 'END\r\n\r\nEND\r\n')
  }
  const pipeline = Array.from({ length: 100 }, (_, i) => `get key${i * 4}\r\nincr n 1\r\n`).join('')
  await client.ask(`${pipeline}mn\r\n`, 'MN\r\n')
  await client.ask('set quiet 0 0 1 noreply\r\n1\r\nincr quiet 1 noreply\r\nget quiet key1 key2 nothing\r\n', 'END\r\n')
  await client.ask('touch quiet 100\r\ndelete quiet\r\ndelete quiet\r\nbogus\r\nset a 0 0 x\r\n', 'format\r\n')
  await client.ask('stats settings\r\n', 'END\r\n')
  await client.close()
}

async function talkMeta(port: number): Promise<void> {
  const client = new RawClient(port)
  for (let i = 0; i < 50; i++) await client.ask(`ms meta${i} 2\r\nhi\r\n`, 'HD\r\n')
  const gets = Array.from({ length: 100 }, (_, i) => `mg meta${i} v q O${i}\r\n`).join('')
  await client.ask(`${gets}mn\r\n`, 'MN\r\n')
  await client.ask('mg meta1 v\r\nmg missing v\r\nmd meta1 q\r\nmn\r\nmd meta1\r\nma none\r\nmn\r\n', 'MN\r\n')
  await client.close()
}

async function talkBinary(port: number): Promise<void> {
  const client = new RawClient(port)
  const noop = (opaque: number) => frame(0x80, 0x0a, { opaque })
  const done = (opaque: number) => frame(0x81, 0x0a, { opaque }).toString('latin1')
  const sets = Array.from({ length: 60 }, (_, i) =>
    frame(0x80, 0x11, { key: `bin${i}`, extras: 8, value: 9, opaque: i + 1 }),
  )
  await client.ask(Buffer.concat([...sets, noop(1000)]), done(1000))
  const gets = Array.from({ length: 80 }, (_, i) => frame(0x80, 0x0d, { key: `bin${i}`, opaque: 2000 + i }))
  await client.ask(Buffer.concat([...gets, noop(3000)]), done(3000))
  const one = Buffer.concat([
    frame(0x80, 0x00, { key: 'bin1', opaque: 1 }),
    frame(0x80, 0x00, { key: 'none', opaque: 2 }),
  ])
  await client.ask(Buffer.concat([one, frame(0x80, 0x10, { opaque: 3 }), noop(4)]), done(4))
  await client.close()
}

function toldBy(proxy: RecordingProxy): Told[] {
  const told: Told[] = []
  for (const recording of proxy.recordings) {
    const transcript = new Transcript(memcached)
    recording.replay(transcript.parser)
    told.push(...transcript.told)
  }
  return told
}

function compare(told: readonly Told[], stat: (name: string) => number): void {
  const wrong = told.filter((e) => e.status === 'unknown' || e.status === 'unanswered')
  assert.deepEqual(wrong, [])
  const count = (commands: string, outcome = /./): number =>
    told.filter((e) => commands.split(' ').includes(e.command) && outcome.test(`${e.status} ${e.statusText}`)).length
  // A get of several keys counts each; one of ours asks for four.
  assert.equal(count('get mg getkq') + 3, stat('cmd_get'))
  assert.equal(count('get mg getkq', /VALUE|VA$|ok $/) + 2, stat('get_hits'))
  assert.equal(count('set ms setq', /STORED|HD|silent/), stat('cmd_set'))
  assert.equal(count('incr', /ok $|silent/), stat('incr_hits'))
  assert.equal(count('incr ma', /NOT_FOUND|NF/), stat('incr_misses'))
  assert.equal(count('delete md', /DELETED|HD|silent/), stat('delete_hits'))
  assert.equal(count('delete md', /NOT_FOUND|NF/), stat('delete_misses'))
  assert.equal(count('touch'), stat('cmd_touch'))
  assert.equal(count('mg', /silent/), 50)
  assert.equal(count('mg', /ok VA/), 51)
  assert.equal(count('mn noop', /ok/), 7)
  assert.equal(count('getkq', /silent/), 20)
  assert.equal(count('setq', /silent/), 60)
  assert.equal(count('stat', /ok/), 1)
  assert.equal(count('bogus', /error ERROR/), 1)
  assert.equal(count('set', /CLIENT_ERROR/), 1)
}
