import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import dns from 'node:dns'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Packet } from '../../../src/core/packet.ts'
import { Datagram } from '../../../src/core/segment.ts'
import { dns as dnsProtocol } from '../../../src/protocol/dns/dns.ts'
import { DnsExchanges } from '../../../src/protocol/dns/dns-datagrams.ts'
import { ExchangeStreams } from '../../../src/protocol/exchange-streams.ts'
import { LiveConnection, listening, now, portOf, SeenExchanges } from '../live-record.ts'

const LOOPBACK = 0x7f000001
const DELAY_MILLIS = 50

/** What to do with a question, by its name. `undefined`: no answer. */
function answerTo(query: Buffer, tcp: boolean, times: number): { bytes: Buffer; delay: number } | undefined {
  const name = query.toString('latin1', 13, 13 + query[12]!)
  if (name === 'silent' || (name === 'second' && times === 1)) return undefined
  const bytes = Buffer.from(query)
  bytes[2] = 0x81
  bytes[3] = name === 'missing' ? 0x83 : 0x80
  const truncated = name === 'large' && !tcp
  if (truncated) bytes[2] |= 2
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])
  // the query's own OPT record, if it has one, is not repeated
  const question = bytes.subarray(0, bytes.indexOf(0, 12) + 5)
  question[11] = 0
  question[7] = name === 'missing' || truncated ? 0 : 1
  const whole = question[7] === 1 ? Buffer.concat([question, record]) : Buffer.from(question)
  return { bytes: whole, delay: name === 'slow' ? DELAY_MILLIS : 0 }
}

/** A server on UDP and TCP that shows everything it hears and says to the exchanges. */
async function startServer(t: TestContext, datagrams: DnsExchanges, streams: ExchangeStreams): Promise<number> {
  const tcp = net.createServer((socket) => serveStream(socket, new LiveConnection(streams, portOf(tcp))))
  const port = await listening(tcp)
  const udp = dgram.createSocket('udp4')
  const show = (bytes: Buffer, from: number, to: number): void => {
    const datagram = new Datagram()
    datagram.time.set(now())
    datagram.sourceWord3 = LOOPBACK
    datagram.destinationWord3 = LOOPBACK
    datagram.sourcePort = from
    datagram.destinationPort = to
    datagram.buf = bytes
    datagram.payloadEnd = bytes.length
    datagrams.onDatagram(datagram, new Packet())
  }
  const times = new Map<string, number>()
  udp.on('message', async (query, peer) => {
    show(query, peer.port, port)
    const question = query.toString('latin1', 12)
    times.set(question, (times.get(question) ?? 0) + 1)
    const answer = answerTo(query, false, times.get(question)!)
    if (answer === undefined) return
    await sleep(answer.delay)
    show(answer.bytes, port, peer.port)
    udp.send(answer.bytes, peer.port, '127.0.0.1')
  })
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve))
  t.after(() => {
    udp.close()
    tcp.close()
  })
  return port
}

function serveStream(socket: net.Socket, live: LiveConnection): void {
  let held = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    live.data(0, bytes)
    held = Buffer.concat([held, bytes])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0)
      const { bytes: answer } = answerTo(held.subarray(2, end), true, 1)!
      const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer])
      live.data(1, framed)
      socket.write(framed)
      held = held.subarray(end)
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => live.close())
}

test('what a resolver asks a server, over UDP and TCP, on a port of its own', async (t) => {
  const seen = new SeenExchanges()
  const datagrams = new DnsExchanges({ consumer: seen, onFirstEvicted: () => {} })
  const streams = new ExchangeStreams({ protocols: [dnsProtocol], fallback: undefined, consumer: seen })
  const port = await startServer(t, datagrams, streams)
  const resolver = new dns.promises.Resolver({ timeout: 300, tries: 2 })
  resolver.setServers([`127.0.0.1:${port}`])
  const ask = (name: string) => resolver.resolve4(`${name}.example`).catch((error: { code: string }) => error.code)

  assert.deepEqual(await ask('quick'), ['192.0.2.1'])
  assert.deepEqual(await ask('slow'), ['192.0.2.1'])
  assert.equal(await ask('missing'), 'ENOTFOUND')
  assert.deepEqual(await ask('large'), ['192.0.2.1'])
  assert.deepEqual(await ask('second'), ['192.0.2.1'])
  assert.equal(await ask('silent'), 'ETIMEOUT')
  resolver.cancel()
  for (let tries = 0; tries < 200 && seen.all.length < 6; tries++) await sleep(10)
  datagrams.close()
  if (process.env.SHOW) console.error(seen.all)

  const told = seen.all.map((e) => `${e.request} ${e.status} ${e.statusText}`)
  assert.deepEqual(told.slice(0, 4), [
    'A quick.example ok NOERROR',
    'A slow.example ok NOERROR',
    'A missing.example error NXDOMAIN',
    'A large.example ok NOERROR TC',
  ])
  // the one on TCP is told when it is answered, the resolver keeps that connection open
  assert.deepEqual(told.slice(4).sort(), [
    'A large.example ok NOERROR',
    'A second.example ok NOERROR',
    'A silent.example unknown capture ended',
  ])
  assert.ok(seen.all[1]!.millis[1] >= DELAY_MILLIS * 0.9)
  const second = seen.all.find((e) => e.request === 'A second.example')!
  assert.equal(second.retries, 1)
  assert.ok(second.millis[1] >= 200, `timed from the first: ${second.millis}`)
  assert.equal(seen.all.find((e) => e.request === 'A silent.example')!.retries, 1)
  assert.equal(streams.counters.connections.get('dns'), 1)
})
