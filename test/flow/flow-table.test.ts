// Conversations: what the table makes of each kind of exchange, a test for each promise of "Reassembly, precisely".

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from '../../src/core/segment.ts'
import { Conversation } from '../support/conversation.ts'

describe('opening and closing', () => {
  test('a whole exchange', () => {
    const talk = new Conversation().open()
    talk.client.send('GET /')
    talk.server.send('OK')
    talk.client.fin()
    talk.server.fin()
    talk.client.ack()
    assert.deepEqual(talk.log, ['open', '> GET /', '< OK', 'close finished'])
    const { connection } = talk.recorder.connections[0]!
    assert.equal(connection.openerKnown, true)
    assert.equal(connection.endpoints[0].toString(), '10.0.0.1:40000')
    assert.equal(connection.endpoints[1].toString(), '10.0.0.2:80')
    assert.equal(talk.table.counters.openNow, 0)
    assert.equal(talk.table.counters.connections, 1)
    assert.equal(talk.table.counters.ignoredSegments, 0)
    assert.equal(connection.streams[0].packets, 5, 'the last ACK is one of them')
    assert.equal(talk.table.counters.deliveredBytes, 7)
  })

  test('fields of the connection', () => {
    const talk = new Conversation()
    talk.client.syn('', { vlanId: 42, interfaceId: 3 })
    talk.server.synAck()
    talk.skip(3)
    talk.client.ack()
    talk.client.send('abc')
    const { connection } = talk.recorder.connections[0]!
    assert.equal(connection.vlanId, 42)
    assert.equal(connection.interfaceId, 3)
    assert.equal(connection.handshakeMicros, 5000)
    assert.equal(connection.openTime.nanos, 1e6)
    assert.equal(connection.lastDataTime.nanos, 7e6)
    assert.equal(connection.lastPacketTime.nanos, 7e6)
    const [toServer, toClient] = connection.streams
    assert.deepEqual([toServer.packets, toClient.packets], [3, 1])
    assert.deepEqual([toServer.sourceMacLow, toServer.destinationMacLow], [1, 2])
    assert.deepEqual([toClient.sourceMacLow, toClient.destinationMacLow], [2, 1])
    assert.deepEqual([toServer.synPackets, toServer.sawSyn, toClient.sawSyn], [1, true, true])
    assert.equal(toServer.firstPacketTime.nanos, 1e6)
    assert.equal(toServer.lastPacketTime.nanos, 7e6)
    assert.equal(toServer.bytes, 3)
    assert.equal(toServer.offset, 3)
  })

  test('an object that is used again has nothing left of the connection before', () => {
    const talk = new Conversation({ maximumConnections: 2 }).open()
    talk.client.lose(3)
    talk.client.send('abc', { vlanId: 7 })
    talk.server.rst()
    talk.client.renew(77)
    talk.client.syn()
    const [first, second] = talk.recorder.connections
    assert.equal(first!.connection, second!.connection)
    const fresh = new Conversation()
    fresh.client.renew(77)
    for (let i = 0; i < 5; i++) fresh.skip(1)
    fresh.client.syn()
    const used = { ...second!.connection, id: 0, occurrence: 0, streams: [], toServer: 0, toClient: 0 }
    const made = {
      ...fresh.recorder.connections[0]!.connection,
      id: 0,
      occurrence: 0,
      streams: [],
      toServer: 0,
      toClient: 0,
    }
    assert.deepEqual(used, made)
    for (const d of [0, 1] as const) {
      assert.deepEqual(
        { ...second!.connection.streams[d], connection: 0 },
        { ...fresh.recorder.connections[0]!.connection.streams[d], connection: 0 },
      )
    }
  })

  test('refused: the RST of a SYN has no sequence number of its own', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
    talk.wait(2200)
    assert.deepEqual(talk.log, ['open', 'close reset'])
    assert.equal(talk.recorder.connections[0]!.connection.streams[1].sawReset, true)
  })

  test('refused, and the client insists with the same SYN: told each time', () => {
    const talk = new Conversation()
    for (let i = 0; i < 2; i++) {
      talk.client.syn()
      talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
    }
    talk.wait(2200)
    assert.deepEqual(talk.log, ['open', 'close reset', 'open c1', 'close reset'])
  })

  test('unanswered: SYNs are counted, and it times out', () => {
    const talk = new Conversation()
    for (const pause of [1000, 2000, 4000, 8000, 16000, 32000]) {
      talk.client.syn()
      talk.wait(pause)
    }
    talk.client.syn()
    talk.wait(74_000)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(2000)
    assert.deepEqual(talk.log, ['open', 'close timeout'])
    assert.equal(talk.recorder.connections[0]!.connection.streams[0].synPackets, 7)
    assert.equal(talk.table.counters.timeouts, 1)
  })

  test('an established connection may be silent for days', () => {
    const talk = new Conversation().open()
    talk.client.send('a')
    for (let day = 0; day < 3; day++) {
      talk.skip(86_400_000)
      talk.wait(1000)
    }
    talk.server.send('b')
    assert.deepEqual(talk.log, ['open', '> a', '< b'])
  })

  test('a half-closed connection may still send, and times out when it does not', () => {
    const talk = new Conversation().open()
    talk.client.fin('bye')
    talk.wait(200_000)
    talk.server.send('a long answer')
    talk.wait(200_000)
    assert.deepEqual(talk.log, ['open', '> bye', '< a long answer'])
    talk.wait(101_000)
    assert.deepEqual(talk.log.at(-1), 'close timeout')
  })

  test('a FIN waits for the hole before it', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.lose(3)
    talk.server.fin('def')
    assert.deepEqual(talk.log, ['open'])
    talk.server.send('abc', { at: 0 })
    assert.deepEqual(talk.log, ['open', '< abcdef'])
    talk.client.ack()
    assert.deepEqual(talk.log, ['open', '< abcdef', 'close finished'])
  })

  test('the acknowledgement of the last FIN is waited for, but not for long', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.fin()
    talk.wait(900)
    assert.deepEqual(talk.log, ['open'])
    talk.server.fin('', { at: 0 })
    talk.wait(900)
    assert.deepEqual(talk.log, ['open'])
    talk.wait(200)
    assert.deepEqual(talk.log, ['open', 'close finished'])
    talk.client.ack()
    assert.equal(talk.table.counters.timeouts, 0)
    assert.equal(talk.table.counters.ignoredSegments, 1)
  })

  test('both FINs at once: the second of the two acknowledgements closes', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.fin('', { ack: talk.client.sequenceAt(0) })
    talk.server.ack()
    assert.deepEqual(talk.log, ['open'])
    talk.client.ack()
    assert.deepEqual(talk.log, ['open', 'close finished'])
  })

  for (const [name, next, log] of [
    ['a RST', (talk: Conversation) => talk.client.rst(), ['close finished']],
    ['the end of the capture', (talk: Conversation) => talk.end(), ['close finished']],
    [
      'a new SYN',
      (talk: Conversation) => {
        talk.client.renew(2_000_000)
        talk.client.syn()
      },
      ['close finished', 'open c1'],
    ],
  ] as const) {
    test(`${name} in place of the last acknowledgement: it has finished all the same`, () => {
      const talk = new Conversation().open()
      talk.client.fin()
      talk.server.fin()
      next(talk)
      assert.deepEqual(talk.log, ['open', ...log])
    })
  }

  test('a FIN without data waits as well, and ends the connection when the hole is given up', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.lose(3)
    talk.server.fin()
    talk.client.ack()
    talk.wait(600)
    assert.deepEqual(talk.log, ['open', '< [3 missing: capture]', 'close finished'])
  })

  test('a FIN that cannot be one, data going on behind it, is forgotten', () => {
    const talk = new Conversation().open()
    talk.client.fin('', { at: 4 })
    talk.client.send('abcdefgh', { at: 0 })
    talk.client.send('ijk', { at: 8 })
    talk.end()
    assert.deepEqual(talk.log, ['open', '> abcdefghijk', 'close capture-ended'])
  })

  test('data behind a FIN that was reached is counted, not delivered', () => {
    const talk = new Conversation().open()
    talk.client.fin('abc')
    talk.client.send('xyz', { at: 3 })
    assert.deepEqual(talk.log, ['open', '> abc'])
    assert.equal(talk.table.counters.bytesAfterFin, 3)
  })

  test('scans without ACK, SYN or data open nothing', () => {
    const talk = new Conversation()
    talk.client.ack(undefined, { flags: 0 })
    talk.client.ack(undefined, { flags: TCP_FIN })
    talk.client.ack(undefined, { flags: TCP_FIN | TCP_PSH | 32 })
    assert.deepEqual(talk.log, [])
  })

  test('closeAll ends all, oldest first, and delivers what was held back', () => {
    const talk = new Conversation().open()
    talk.client.lose(2)
    talk.client.send('abc')
    talk.end('interface-gone')
    assert.deepEqual(talk.log, ['open', '> [2 missing: network]', '> abc', 'close interface-gone'])
    assert.equal(talk.table.queuedBytes, 0)
  })
})

describe('several connections on one 4-tuple', () => {
  test('a SYN with a new initial sequence number on a live one', () => {
    const talk = new Conversation().open()
    talk.client.send('first')
    talk.client.renew(900_000_000)
    talk.server.renew(800_000_000)
    talk.open()
    talk.client.send('second')
    talk.server.send('answer')
    assert.deepEqual(talk.log, ['open', '> first', 'close replaced', 'open c1', '> second', '< answer'])
  })

  test('a SYN sent again is the same connection', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.client.syn()
    talk.server.synAck()
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('abc')
    talk.client.syn()
    assert.deepEqual(talk.log, ['open', '> abc'])
    const { streams } = talk.recorder.connections[0]!.connection
    assert.deepEqual([streams[0].synPackets, streams[1].synPackets], [3, 2])
  })

  test('a SYN in TIME-WAIT opens the next one; stragglers do not', () => {
    const talk = new Conversation().open()
    talk.client.fin('a')
    talk.server.fin('b')
    talk.client.ack()
    talk.server.fin('b', { at: 0 })
    talk.server.send('b', { at: 0 })
    talk.client.syn()
    talk.server.synAck()
    assert.deepEqual(talk.log, ['open', '> a', '< b', 'close finished'])
    talk.client.renew(2_000_000)
    talk.server.renew(9_000_000)
    talk.open()
    talk.client.send('c')
    assert.deepEqual(talk.log.slice(4), ['open c1', '> c'])
  })

  test('data after the end, its SYN not captured, is a connection of its own', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.fin()
    talk.client.renew(2_000_000)
    talk.client.send('new')
    assert.deepEqual(talk.log, ['open', 'close finished', 'open c1', '> new'])
  })

  test('roles may change', () => {
    const talk = new Conversation().open()
    talk.client.fin()
    talk.server.fin()
    talk.server.renew(123)
    talk.server.syn()
    assert.equal(talk.recorder.connections[1]!.names[0], '10.0.0.2:80')
    assert.equal(talk.recorder.connections[1]!.occurrence, 1)
  })

  test('a straggler of the replaced one does not disturb the one that has its place', () => {
    const talk = new Conversation().open()
    talk.client.send('old')
    talk.client.renew(900_000_000)
    talk.server.renew(800_000_000)
    talk.open()
    talk.client.send('new')
    talk.client.send('old', { sequence: 1001, at: 0 })
    talk.client.send('er')
    assert.deepEqual(talk.log, ['open', '> old', 'close replaced', 'open c1', '> newer'])
  })

  test('a jump further than -m starts a new flow', () => {
    const talk = new Conversation({ maximumJumpBytes: 1000 }).open()
    talk.client.send('abc')
    talk.client.lose(1000)
    talk.client.send('def')
    assert.deepEqual(talk.log, ['open', '> abc'])
    talk.client.lose(1001)
    talk.client.send('ghi')
    assert.deepEqual(talk.log, [
      'open',
      '> abc',
      '> [1000 missing: network]',
      '> def',
      'close jump',
      'open c1',
      '> ghi',
    ])
    assert.equal(talk.recorder.connections[1]!.names[0], '10.0.0.1:40000')
  })

  test('so does one far back', () => {
    const talk = new Conversation().open()
    talk.client.send('abc')
    talk.client.send('def', { sequence: 1001 - 20_000_000 })
    assert.deepEqual(talk.log, ['open', '> abc', 'close jump', 'open c1', '> def'])
  })

  test('an empty segment jumps nowhere', () => {
    const talk = new Conversation().open()
    talk.client.send('abc')
    talk.client.ack(undefined, { sequence: 1_500_000_000 })
    talk.client.send('def')
    assert.deepEqual(talk.log, ['open', '> abcdef'])
  })

  test('two places with the same addresses are two connections', () => {
    const talk = new Conversation()
    talk.place = 0
    talk.client.syn()
    talk.place = 1
    talk.client.syn()
    assert.deepEqual(talk.log, ['open', 'open'])
  })

  test('a VLAN tag does not split', () => {
    const talk = new Conversation().open()
    talk.client.send('a', { vlanId: 5 })
    talk.client.send('b', { vlanId: 6 })
    assert.deepEqual(talk.log, ['open', '> ab'])
  })

  test('occurrences are remembered for a bounded number of connections', () => {
    const talk = new Conversation({ maximumRemembered: 2 })
    for (const port of [1, 2, 3, 1, 3]) {
      const other = new Conversation()
      Object.defineProperty(talk.client, 'port', { value: 40000 + port, configurable: true })
      talk.client.renew(other.client.initialSequence + talk.table.counters.connections * 1000)
      talk.client.syn()
      talk.server.rst({ sequence: 0, ack: talk.client.sequenceAt(0) })
      talk.wait(2200)
    }
    assert.deepEqual(
      talk.recorder.connections.map((c) => c.occurrence),
      [0, 0, 0, 0, 1],
    )
  })
})

describe('SYN', () => {
  test('its data is data', () => {
    const talk = new Conversation()
    talk.client.syn('GET /')
    talk.server.synAck()
    talk.client.ack()
    talk.client.send(' HTTP')
    assert.deepEqual(talk.log, ['open', '> GET / HTTP'])
  })

  test('its data, not accepted by the server, comes again and is delivered once', () => {
    const talk = new Conversation()
    talk.client.syn('GET /')
    talk.server.synAck({ ack: talk.client.sequenceAt(0) })
    talk.client.send('GET /', { at: 0 })
    talk.client.send(' HTTP')
    assert.deepEqual(talk.log, ['open', '> GET / HTTP'])
    assert.equal(talk.table.counters.retransmittedBytes, 5)
  })

  test('a SYN sent again without its data, which follows later', () => {
    const talk = new Conversation()
    talk.client.syn('GET /')
    talk.client.next = 0
    talk.client.syn()
    talk.server.synAck()
    talk.client.send('GET / HTTP')
    assert.deepEqual(talk.log, ['open', '> GET / HTTP'])
  })

  test('both sides open at once', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.syn()
    talk.client.synAck()
    talk.server.synAck()
    talk.client.send('a')
    talk.server.send('b')
    assert.deepEqual(talk.log, ['open', '> a', '< b'])
  })

  test('the SYN-ACK alone tells who is who', () => {
    const talk = new Conversation({ clientPort: 22, serverPort: 50000 })
    talk.server.synAck()
    talk.client.ack()
    talk.client.send('abc')
    const { connection, names } = talk.recorder.connections[0]!
    assert.deepEqual(names, ['10.0.0.1:22', '10.0.0.2:50000'])
    assert.equal(connection.openerKnown, true)
    assert.equal(connection.handshakeMicros, -1)
  })

  test('after a SYN-ACK, missing first data is a gap', () => {
    const talk = new Conversation()
    talk.server.synAck()
    talk.client.lose(3)
    talk.client.send('def')
    talk.end()
    assert.deepEqual(talk.log, ['open', '> [3 missing: network]', '> def', 'close capture-ended'])
  })

  test('captured after the data that followed it', () => {
    const talk = new Conversation()
    talk.client.send('abc')
    talk.client.syn()
    talk.client.send('def', { at: 3 })
    assert.deepEqual(talk.log, ['open', '> abcdef'])
    assert.equal(talk.recorder.connections[0]!.connection.openerKnown, true)
  })

  test('captured after data that was held back: that is due now, and no gap', () => {
    const talk = new Conversation()
    talk.client.ack(-1)
    talk.server.send('abc')
    assert.deepEqual(talk.log, ['open'])
    talk.server.synAck()
    assert.deepEqual(talk.log, ['open', '< abc'])
    talk.end()
    assert.deepEqual(talk.log, ['open', '< abc', 'close capture-ended'])
  })

  test('a SYN-ACK behind data that is held back is of the next connection', () => {
    const talk = new Conversation()
    talk.client.ack()
    talk.client.send('abc', { at: 10 })
    talk.client.synAck({ sequence: talk.client.sequenceAt(20) })
    talk.server.ack(undefined, { ack: talk.client.sequenceAt(21), sequence: 900_000_000 })
    assert.deepEqual(talk.log, ['open', '> [10 missing: network]', '> abc', 'close replaced', 'open c1'])
  })

  test('a server that answers anew before any data', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.synAck()
    talk.server.renew(77)
    talk.server.synAck()
    talk.client.ack()
    talk.server.send('hello')
    assert.deepEqual(talk.log, ['open', '< hello'])
  })

  test('a forged SYN-ACK amid a connection is ignored', () => {
    const talk = new Conversation().open()
    talk.server.send('abc')
    talk.server.synAck({ sequence: 99 })
    talk.server.send('def')
    assert.deepEqual(talk.log, ['open', '< abc', 'went on after syn of 1', '< def'])
  })

  test('an ACK to a SYN is no handshake, the SYN-ACK missing', () => {
    const talk = new Conversation()
    talk.client.syn()
    talk.server.ack(0, { flags: TCP_ACK })
    talk.wait(76_000)
    assert.deepEqual(talk.log, ['open', 'close timeout'])
  })

  test('SYN and FIN together: a SYN', () => {
    const talk = new Conversation()
    talk.client.syn('', { flags: TCP_SYN | TCP_FIN })
    talk.server.synAck()
    talk.client.send('abc')
    assert.deepEqual(talk.log, ['open', '> abc'])
  })
})

describe('who is the client, without a SYN', () => {
  for (const [clientPort, serverPort, first, client] of [
    [40000, 80, 'client', 40000],
    [40000, 80, 'server', 40000],
    [45000, 6379, 'server', 45000],
    [2000, 1500, 'server', 1500],
    [50000, 40000, 'client', 50000],
  ] as const) {
    test(`data from ${first} first, ports ${clientPort} and ${serverPort}`, () => {
      const talk = new Conversation({ clientPort, serverPort })
      talk[first].send('abc')
      assert.ok(talk.recorder.connections[0]!.names[0].endsWith(`:${client}`))
      assert.equal(talk.recorder.connections[0]!.connection.openerKnown, false)
    })
  }

  test('an empty segment first: the lower port serves', () => {
    const talk = new Conversation({ clientPort: 2000, serverPort: 1500 })
    talk.server.ack()
    assert.equal(talk.recorder.connections[0]!.names[0], '10.0.0.1:2000')
  })

  test('a connection of an end with itself', () => {
    const talk = new Conversation({ clientPort: 7, serverPort: 7 })
    Object.defineProperty(talk.server, 'address', { value: 1 })
    talk.client.syn()
    talk.client.send('abc')
    assert.deepEqual(talk.log, ['open', '> abc'])
  })
})

describe('news about the network', () => {
  test('an ICMP error is noted on the connection that it quotes', async () => {
    const { IcmpError } = await import('../../src/core/segment.ts')
    const talk = new Conversation()
    talk.client.syn()
    const error = new IcmpError()
    error.type = 3
    error.code = 1
    error.reporterWord3 = 0x0a0000fe
    error.quotedProtocol = 6
    error.quoted.sourceWord3 = 0x0a000001
    error.quoted.destinationWord3 = 0x0a000002
    error.quoted.sourcePort = 40000
    error.quoted.destinationPort = 80
    talk.table.onIcmpError(error)
    const { connection } = talk.recorder.connections[0]!
    assert.deepEqual(
      [connection.icmpFamily, connection.icmpType, connection.icmpCode, connection.icmpReporter],
      [4, 3, 1, '10.0.0.254'],
    )
    error.quotedProtocol = 17
    error.type = 9
    talk.table.onIcmpError(error)
    error.quotedProtocol = 6
    error.quoted.sourcePort = 1
    talk.table.onIcmpError(error)
    assert.equal(connection.icmpType, 3)
  })
})
