// Ways that are long or loaded, and ways on which large packets vanish; and what looks like them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, diagnose, diagnoseFrames } from '../../support/diagnosed.ts'
import { ethernet, icmp, ipv4 } from '../../support/packet-builder.ts'
import { Talk } from '../../support/talk.ts'
import { CLIENT_HELLO, encrypted, SERVER_FLIGHT } from '../../support/tls-records.ts'

const START = 1_700_000_000
const ETHERNET_BYTES = 14
const LARGE = 'x'.repeat(1448)
const SERVER_FIRST = 500_001
/** Time stamps and a SACK block behind the first `from` bytes of the server. */
function sack(from: number, to: number): Buffer {
  const edges = Buffer.alloc(8)
  edges.writeUInt32BE(SERVER_FIRST + from, 0)
  edges.writeUInt32BE(SERVER_FIRST + to, 4)
  return Buffer.concat([Buffer.from([1, 1, 8, 10]), Buffer.alloc(8), Buffer.from([1, 1, 5, 10]), edges])
}

describe('network-slow', () => {
  /** Requests whose acknowledgement takes so long. */
  function uploads(talk: Talk, ...roundTrips: number[]): Talk {
    for (const millis of roundTrips) talk.client('part').wait(millis).acknowledge(1).wait(20)
    return talk
  }

  test('acknowledgements that take ever longer', () => {
    const result = diagnose(uploads(new Talk().open(), 5, 5, 400, 800, 900, 700).close())
    assertFindings(result, 'network-slow likely x 1')
    assert.match(result.findings[0]!.cause, /up to 90\d\.0 ms there and back, 4 times/)
  })

  test('a late answer is then not the server’s', () => {
    const talk = uploads(new Talk().open(), 5, 600, 900)
    talk.client('ask').wait(1500).acknowledge(1).server('OK').acknowledge(0)
    assertFindings(diagnose(talk.close()), 'network-slow likely x 1')
  })

  test('a steady long way is a note', () => {
    const talk = new Talk().syn().wait(600).segment(1, { flags: 'S.' }, 1).acknowledge(0)
    const result = diagnose(uploads(talk, 600, 610, 605, 600).close())
    assertFindings(result)
    assertNotes(result, 'network-slow')
  })

  test('not: a long way of 200 ms, and delayed acknowledgements', () => {
    const talk = new Talk().syn().wait(200).segment(1, { flags: 'S.' }, 1).acknowledge(0)
    const result = diagnose(uploads(talk, 200, 240, 400, 200).close())
    assertFindings(result)
    assertNotes(result)
  })
})

describe('mtu-black-hole', () => {
  /** The server's answer: `full` large segments that vanish, and a small one behind them that arrives. */
  function vanishing(full = 2): Talk {
    const talk = new Talk().open().client('GET').acknowledge(1)
    for (let i = 0; i < full; i++) talk.server(LARGE)
    return talk
      .server('tail')
      .segment(0, { flags: '.', ack: SERVER_FIRST, options: sack(full * 1448, full * 1448 + 4) })
  }

  function again(talk: Talk, ...waits: number[]): Talk {
    for (const millis of waits) talk.wait(millis).segment(1, { flags: '.', seq: SERVER_FIRST, payload: LARGE })
    return talk
  }

  test('large segments again and again, small ones pass', () => {
    const result = diagnose(again(vanishing(), 200, 400, 800, 1600))
    assertFindings(result, 'mtu-black-hole likely x 1')
    assert.match(result.findings[0]!.cause, /segments of 1,448 bytes from 10\.0\.0\.2 do not reach 10\.0\.0\.1/)
  })

  test('nothing but silence in return: possible', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).server(LARGE).server(LARGE)
    assertFindings(diagnose(again(talk, 200, 400, 800, 1600, 3200)), 'mtu-black-hole possible x 1')
  })

  test('an upload', () => {
    const talk = new Talk().open().client('POST').acknowledge(1).client(LARGE).client('tail')
    talk.segment(1, { flags: '.', ack: 1005 })
    for (const millis of [200, 400, 800]) talk.wait(millis).segment(0, { flags: '.', seq: 1005, payload: LARGE })
    assertFindings(diagnose(talk.segment(1, { flags: '.', ack: 1005 })), 'mtu-black-hole likely x 1')
  })

  test('next to the receiver: a hole that is never filled', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).lose(1, 2896).server('tail')
    talk.segment(0, { flags: '.', ack: SERVER_FIRST }).wait(20_000).segment(0, { flags: 'F.', ack: SERVER_FIRST }, 1)
    assertFindings(diagnose(talk), 'mtu-black-hole possible x 1')
  })

  test('a server’s TLS flight that vanishes is no server without an answer', () => {
    const flight = Buffer.concat([SERVER_FLIGHT, encrypted(2500)]).subarray(0, 2896)
    const first = flight.subarray(0, 1448)
    const talk = new Talk({ serverPort: 443 }).open().client(CLIENT_HELLO).acknowledge(1)
    talk.server(first).server(flight.subarray(1448))
    for (const millis of [200, 400, 800, 1600, 3200])
      talk.wait(millis).segment(1, { flags: '.', seq: SERVER_FIRST, payload: first })
    assertFindings(diagnose(talk, { quietSeconds: 5 }), 'mtu-black-hole possible x 1')
    const atClient = new Talk({ serverPort: 443 }).open().client(CLIENT_HELLO).acknowledge(1).lose(1, 2896)
    atClient.server('tail').segment(0, { flags: '.', ack: SERVER_FIRST }).wait(5000)
    atClient.segment(0, { flags: 'F.', ack: SERVER_FIRST }, 1)
    assertFindings(diagnose(atClient), 'mtu-black-hole possible x 1')
  })

  test('not: segments as large have passed; then the way has broken', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).server(LARGE).acknowledge(0).server(LARGE)
    for (const millis of [200, 400, 800, 1600])
      talk.wait(millis).segment(1, { flags: '.', seq: SERVER_FIRST + 1448, payload: LARGE })
    assert.ok(!diagnose(talk).findings.some(({ id }) => id === 'mtu-black-hole'))
  })

  test('not: it was lost three times and arrived at last', () => {
    const talk = again(vanishing(), 200, 400, 800).segment(0, { flags: '.', ack: SERVER_FIRST + 2900 })
    const result = diagnose(talk.close())
    assertFindings(result, 'loss likely x 1')
  })

  test('not: heavy loss, of what offloading had sent in one piece', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).server('x'.repeat(4344))
    // a tail-loss probe
    talk.wait(10).segment(1, { flags: '.', seq: SERVER_FIRST + 4144, payload: 'x'.repeat(200) })
    for (const millis of [200, 400, 800, 1600])
      talk.wait(millis).segment(1, { flags: '.', seq: SERVER_FIRST, payload: LARGE })
    for (const at of [1448, 2896]) {
      talk.segment(0, { flags: '.', ack: SERVER_FIRST + at })
      talk.segment(1, { flags: '.', seq: SERVER_FIRST + at, payload: LARGE })
    }
    assertFindings(diagnose(talk.acknowledge(0).close()), 'loss likely x 1')
  })

  test('not: small segments that are not acknowledged either', () => {
    const talk = new Talk().open().client('GET').acknowledge(1).server('small')
    for (const millis of [200, 400, 800, 1600]) talk.wait(millis).repeat()
    assert.ok(!diagnose(talk).findings.some(({ id }) => id === 'mtu-black-hole'))
  })

  test('not: ICMP says what fits, and the sender hears it', () => {
    const talk = vanishing(1)
    const quoted = talk.frames.at(-3)!.frame.subarray(ETHERNET_BYTES, ETHERNET_BYTES + 28)
    const tooBig = ipv4({ src: '10.0.0.254', dst: '10.0.0.2' }, icmp({ type: 3, code: 4, word: 1400 }, quoted))
    again(talk, 200, 400, 800)
    const frames = [...talk.frames, { frame: ethernet({}, tooBig), time: START + 0.1 }]
    assert.ok(!diagnoseFrames(frames).findings.some(({ id }) => id === 'mtu-black-hole'))
  })
})
