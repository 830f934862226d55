// Connections that are cut, kept open or broken off, as conversations; and those that look like it and are healthy.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, type Diagnosed, diagnose } from '../../support/diagnosed.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const START = 1_700_000_000

function asked(options: TalkOptions = {}): Talk {
  return new Talk(options).open().client(GET).acknowledge(1)
}

function answered(options: TalkOptions = {}): Talk {
  return new Talk(options).open().client(GET).server(OK).acknowledge(0)
}

/** So long after the latest frame. */
function after(talk: Talk, millis: number): Talk {
  return talk.wait(millis - 1)
}

function causeOf({ findings }: Diagnosed, id: string): string {
  return findings.find((each) => each.id === id)?.cause ?? ''
}

/** A keep-alive probe of `d`, answered at once. */
function probed(talk: Talk, d: 0 | 1, nextSequence: number): Talk {
  return talk.segment(d, { flags: '.', seq: nextSequence - 1 }).acknowledge(d === 0 ? 1 : 0)
}

describe('idle-cut', () => {
  test('a reset after 90 s in which the request waited: by the side that reset', () => {
    const result = diagnose(after(asked(), 90_000).reset(1), { quietSeconds: 3 })
    assertFindings(result, 'idle-cut likely x 1')
    assert.equal(result.findings[0]!.severity, 'error')
    assert.match(
      causeOf(result, 'idle-cut'),
      /^10\.0\.0\.2 cut the connection after 90\.0 s of idleness while the request GET \/ /,
    )
  })

  test('the same time three times, at other moments, is certain', () => {
    const talks = [0, 7, 15].map((s) => after(asked({ clientPort: 40000 + s, startTime: START + s }), 3300).reset(1))
    const result = diagnose(talks, { quietSeconds: 3 })
    // the first one alone is no timer
    assertFindings(result, 'idle-cut certain x 2', 'reset likely x 1')
  })

  test('not certain: all at one moment, as a server that dies', () => {
    const talks = [0, 1, 2].map((n) => after(asked({ clientPort: 40000 + n }), 3300).reset(1))
    assertFindings(diagnose(talks, { quietSeconds: 3 }), 'reset likely x 3')
  })

  test('an orderly end after 75 s is a note, a reset a warning', () => {
    const fin = after(answered(), 75_000).segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    const orderly = diagnose(fin)
    assertFindings(orderly)
    assertNotes(orderly, 'idle-cut')
    const reset = diagnose(after(answered(), 75_000).reset(1), { quietSeconds: 3 })
    assertFindings(reset, 'idle-cut likely x 1')
    assert.equal(reset.findings[0]!.severity, 'warning')
    assert.match(causeOf(reset, 'idle-cut'), /75\.0 s is what nginx servers/)
  })

  test('a FIN of the server after 60 s, though a request waits', () => {
    const talk = after(asked(), 60_000).segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(talk), 'idle-cut likely x 1')
  })

  test('forgotten: a request after 6 minutes is answered by a reset without ACK', () => {
    const talk = after(answered(), 360_000).client(GET).segment(1, { flags: 'R' })
    const result = diagnose(talk, { quietSeconds: 3 })
    assertFindings(result, 'idle-cut likely x 1')
    assert.match(causeOf(result, 'idle-cut'), /had been forgotten during 6 min 0 s without a packet/)
  })

  test('the client did not notice that the server had closed, and asks', () => {
    const talk = after(answered(), 60_000).segment(1, { flags: 'F.' }, 1).acknowledge(0)
    const result = diagnose(after(talk, 20_000).client(GET).segment(1, { flags: 'R' }), { quietSeconds: 3 })
    assertFindings(result, 'idle-cut likely x 1')
    assert.match(causeOf(result, 'idle-cut'), /10\.0\.0\.1 used it all the same/)
  })

  test('silence: after it everything is sent again, and nothing comes back', () => {
    const talk = after(answered(), 400_000).client(GET).wait(200).repeat().wait(400).repeat().wait(800).repeat()
    const result = diagnose(talk, { quietSeconds: 5 })
    assert.deepEqual(
      result.findings.filter(({ id }) => id === 'idle-cut').map(({ certainty }) => certainty),
      ['likely'],
    )
    assert.match(causeOf(result, 'idle-cut'), /^After 6 min 40 s without a packet 10\.0\.0\.2 does not answer/)
  })

  test('silence: keep-alive probes get no answer any more', () => {
    const talk = answered()
    for (let n = 0; n < 4; n++) after(talk, 60_000).segment(0, { flags: '.', seq: 1000 + GET.length })
    const result = diagnose(talk, { quietSeconds: 5 })
    assertFindings(result, 'idle-cut likely x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
    assert.match(
      causeOf(result, 'idle-cut'),
      /^For 4 min 0 s nothing has come from 10\.0\.0\.2, and it does not answer keep-alive/,
    )
  })

  test('not: probes that are answered, for hours', () => {
    const talk = answered()
    for (let n = 0; n < 9; n++) probed(after(talk, 60_000), 0, 1001 + GET.length)
    assertFindings(diagnose(talk.close(), { quietSeconds: 5 }))
  })

  test('not: an answer to what was sent again comes at last', () => {
    const talk = after(answered(), 400_000).client(GET).wait(200).repeat().wait(400).repeat().wait(800).repeat()
    const { findings } = diagnose(talk.server(OK).acknowledge(0).close())
    assert.ok(findings.every(({ id }) => id !== 'idle-cut'))
  })

  test('not: a client that closes an idle connection, and a long answer that comes', () => {
    assertFindings(diagnose(after(answered(), 60_000).close()))
    assertFindings(diagnose(after(asked(), 20_000).server(OK).acknowledge(0).close(), { slowMillis: 60_000 }))
  })
})

describe('a request of 120 s behind a limit of 90 s', () => {
  const options = { slowMillis: 600_000, hungAfterMillis: 600_000 }

  for (const seconds of [60, 70]) {
    test(`probes every ${seconds} s keep it alive`, () => {
      const talk = probed(after(asked(), seconds * 1000), 0, 1001 + GET.length)
      after(talk, 120_000 - seconds * 1000)
        .server(OK)
        .acknowledge(0)
      const result = diagnose(talk.close(), options)
      assertFindings(result, 'keepalive-masks-idle certain x 1')
      assert.match(
        causeOf(result, 'keepalive-masks-idle'),
        new RegExp(`^Keep-alive probes of 10\\.0\\.0\\.1, the first after ${seconds}\\.0 s`),
      )
    })
  }

  test('probes every 100 s come too late', () => {
    const result = diagnose(after(asked(), 90_000).reset(1), { ...options, quietSeconds: 3 })
    assertFindings(result, 'idle-cut likely x 1')
    assert.match(causeOf(result, 'idle-cut'), /^10\.0\.0\.2 cut the connection after 90\.0 s of idleness/)
  })
})

describe('keepalive-masks-idle', () => {
  test('nothing waits: a note', () => {
    const result = diagnose(probed(after(answered(), 60_000), 1, 500_001 + OK.length).close())
    assertFindings(result)
    assertNotes(result, 'keepalive-masks-idle')
  })

  test('every 15 s: told when the silence has lasted for 30 s', () => {
    const talk = asked()
    for (let n = 0; n < 3; n++) probed(after(talk, 15_000), 0, 1001 + GET.length)
    const result = diagnose(talk.server(OK).acknowledge(0).close(), { slowMillis: 600_000 })
    assertFindings(result, 'keepalive-masks-idle certain x 1')
  })

  test('not: a probe in a silence of 20 s, probes of a closed window, probes without answer', () => {
    assertFindings(
      diagnose(
        probed(after(asked(), 20_000), 0, 1001 + GET.length)
          .server(OK)
          .acknowledge(0)
          .close(),
        { slowMillis: 600_000 },
      ),
    )
    const full = new Talk().open().client(GET).segment(1, { flags: '.', window: 0 })
    after(full, 60_000)
      .segment(0, { flags: '.', seq: 1000 + GET.length })
      .segment(1, { flags: '.', window: 0 })
    assert.ok(diagnose(full).findings.every(({ id }) => id !== 'keepalive-masks-idle'))
    const dead = after(answered(), 60_000).segment(0, { flags: '.', seq: 1000 + GET.length })
    assert.ok(diagnose(dead, { quietSeconds: 60 }).findings.every(({ id }) => id !== 'keepalive-masks-idle'))
  })
})

describe('reset', () => {
  test('by the server while a request waits', () => {
    const result = diagnose(after(asked(), 730).reset(1), { quietSeconds: 3 })
    assertFindings(result, 'reset likely x 1')
    assert.equal(result.findings[0]!.severity, 'error')
    assert.match(
      causeOf(result, 'reset'),
      /^10\.0\.0\.2 reset the connection after 27 bytes to the server and 0 bytes back, while/,
    )
  })

  test('by the server while nothing waits: a warning', () => {
    const result = diagnose(after(answered(), 730).reset(1), { quietSeconds: 3 })
    assertFindings(result, 'reset likely x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
  })

  test('its text is shown', () => {
    const talk = after(asked(), 730).segment(1, { flags: 'R.', payload: 'Go away' })
    assert.match(causeOf(diagnose(talk, { quietSeconds: 3 }), 'reset'), /The reset says: Go away$/)
  })

  test('the server has closed at once, and is asked all the same', () => {
    const talk = new Talk().open().segment(1, { flags: 'F.' }, 1).client(GET).segment(1, { flags: 'R' })
    const result = diagnose(talk, { quietSeconds: 3 })
    assertFindings(result, 'reset likely x 1')
    assert.match(causeOf(result, 'reset'), /it had closed the connection before it was asked/)
  })

  test('of a protocol that nobody knows', () => {
    assertFindings(
      diagnose(new Talk().open().client('\x01\x02hello').acknowledge(1).reset(1), { quietSeconds: 3 }),
      'reset likely x 1',
    )
  })

  test('a note: a client that has its answer and resets', () => {
    const result = diagnose(answered().reset(0), { quietSeconds: 3 })
    assertFindings(result)
    assertNotes(result, 'reset')
  })

  test('not: after both FINs, in answer to a stray segment, after a SYN+ACK, in answer to a TLS goodbye', () => {
    const quiet = { quietSeconds: 3 }
    assertFindings(diagnose(answered().close().reset(1), quiet))
    assertFindings(diagnose(answered().close().segment(1, { flags: '.' }).segment(0, { flags: 'R' }), quiet))
    assertFindings(diagnose(new Talk().syn().segment(1, { flags: 'S.' }, 1).segment(0, { flags: 'R' }), quiet))
    const tls = new Talk({ serverPort: 8443 })
      .open()
      .client('\x16\x03\x01 hello')
      .server('\x16\x03\x03 hello')
      .client('ask')
      .server('told')
    tls.segment(1, { flags: 'F.' }, 1).client(Buffer.from('15030300020100', 'hex')).segment(1, { flags: 'R' })
    const result = diagnose(tls, quiet)
    assertFindings(result)
    assertNotes(result)
  })

  test('not: nobody believed it', () => {
    assertFindings(diagnose(asked().reset(1).wait(1500).server(OK).acknowledge(0).close(), { slowMillis: 60_000 }))
  })
})

describe('reset-by-middlebox', () => {
  test("the reset's time to live is another", () => {
    const talk = new Talk().open().client(GET).segment(1, { flags: 'R.', ttl: 57 })
    const result = diagnose(talk, { quietSeconds: 3 })
    assertFindings(result, 'reset-by-middlebox likely x 1')
    assert.match(
      causeOf(result, 'reset-by-middlebox'),
      /time to live is 57, that of the other packets of 10\.0\.0\.2 is 64/,
    )
  })

  test('without ACK, though the server had just acknowledged: possible, and a firewall', () => {
    const talk = answered().client(GET).segment(1, { flags: 'R' })
    const result = diagnose(talk, { quietSeconds: 3 })
    assertFindings(result, 'reset-by-middlebox possible x 1')
    assert.match(causeOf(result, 'reset-by-middlebox'), /^A firewall has probably reset/)
  })

  test('not: without ACK, and the server had been away for a while', () => {
    const talk = answered().wait(2500).client(GET).segment(1, { flags: 'R' })
    assertFindings(diagnose(talk, { quietSeconds: 3 }), 'reset likely x 1')
  })

  test('not: within what the other packets have', () => {
    const talk = new Talk()
      .open()
      .client(GET)
      .segment(1, { flags: '.', ttl: 62 })
      .wait(100)
      .segment(1, { flags: 'R.', ttl: 63 })
    assertFindings(diagnose(talk, { quietSeconds: 3 }), 'reset likely x 1')
  })
})

describe('conntrack-invalid', () => {
  test('what was acknowledged comes again, and the host between answers', () => {
    const talk = answered().client(GET).server(OK).acknowledge(0).wait(300)
    talk.segment(0, { flags: 'P.', seq: 1001 + GET.length, payload: GET }).segment(1, { flags: 'R', ttl: 63 })
    assertFindings(diagnose(talk, { quietSeconds: 3 }), 'conntrack-invalid likely x 1')
  })

  test('far beyond the window, so that it seems to be of another connection', () => {
    const talk = answered().wait(300).segment(0, { flags: 'P.', seq: 40_000_000, payload: 'late' })
    assertFindings(
      diagnose(talk.segment(1, { flags: 'R', ttl: 63 }), { quietSeconds: 3 }),
      'conntrack-invalid possible x 1',
    )
  })

  test('not: the server acknowledges it', () => {
    const talk = answered().client(GET).server(OK).acknowledge(0).wait(300)
    talk.segment(0, { flags: 'P.', seq: 1001 + GET.length, payload: GET }).acknowledge(1)
    assertFindings(diagnose(talk.close()))
  })
})

describe('keepalive-race', () => {
  test("the server's FIN and a request pass each other", () => {
    const talk = after(answered(), 5000)
      .segment(1, { flags: 'F.' }, 1)
      .segment(0, { flags: 'P.', ack: 500_001 + OK.length, payload: GET }, GET.length)
    const result = diagnose(talk.segment(1, { flags: 'R' }), { quietSeconds: 3 })
    assertFindings(result, 'keepalive-race likely x 1')
    assert.match(causeOf(result, 'keepalive-race'), /sent its next request 1\.0 ms after that/)
  })

  test('seen at the client: the request goes out before the FIN comes in', () => {
    const talk = after(answered(), 5000)
      .client(GET)
      .segment(1, { flags: 'F.', ack: 1001 + GET.length }, 1)
    assertFindings(diagnose(talk.segment(1, { flags: 'R' }), { quietSeconds: 3 }), 'keepalive-race likely x 1')
  })

  test('with a reset in place of the FIN', () => {
    const talk = after(answered(), 5000)
      .client(GET)
      .segment(1, { flags: 'R.', ack: 1001 + GET.length })
    assertFindings(diagnose(talk, { quietSeconds: 3 }), 'keepalive-race likely x 1')
  })

  test('not: the server read the request and then died', () => {
    const talk = after(answered(), 5000).client(GET).acknowledge(1).reset(1)
    assertFindings(diagnose(talk, { quietSeconds: 3 }), 'reset likely x 1')
  })

  test('not: a FIN after the answer, and the client finishes too', () => {
    assertFindings(diagnose(answered().segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)))
  })
})

describe('half-closed', () => {
  test('the server has closed, the client never does', () => {
    const talk = answered().segment(1, { flags: 'F.' }, 1).acknowledge(0)
    assertFindings(diagnose(talk, { quietSeconds: 61 }), 'half-closed likely x 1')
    assertFindings(diagnose(talk, { quietSeconds: 50 }))
  })

  test('not: a request waits, the other side still sends, it closes within the minute, it resets', () => {
    const waits = asked().segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(waits, { quietSeconds: 200, hungAfterMillis: 600_000 }))
    const sends = new Talk().open().client('x').server('a').segment(0, { flags: 'F.' }, 1).acknowledge(1)
    for (let n = 0; n < 5; n++) sends.wait(40_000).server('more').acknowledge(0)
    assertFindings(diagnose(sends))
    const closes = answered().segment(1, { flags: 'F.' }, 1).acknowledge(0).wait(50_000).segment(0, { flags: 'F.' }, 1)
    assertFindings(diagnose(closes.acknowledge(1), { quietSeconds: 100 }))
  })
})

describe('aborted-transfer', () => {
  for (const [name, leave] of [
    ['PostgreSQL', 'X\0\0\0\x04'],
    ['MySQL', '\x01\0\0\0\x01'],
  ] as const) {
    test(`not: a client of ${name} takes leave, and the server closes first`, () => {
      const talk = new Talk({ serverPort: 7777 }).open().client('\0\0\0\x08ask').server('\0\0\0\x08yes').client(leave)
      const result = diagnose(talk.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1))
      assertFindings(result)
      assertNotes(result)
    })
  }

  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'

  test('the server finishes before the announced length', () => {
    const talk = new Talk().open().client(GET).server(`${head}abc`).acknowledge(0).wait(300)
    const result = diagnose(talk.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1))
    assert.equal(result.findings[0]!.severity, 'error')
    assert.match(
      causeOf(result, 'aborted-transfer'),
      /^10\.0\.0\.2 ended the connection before the answer to GET \/ was complete: 997 bytes are missing\.$/,
    )
  })

  test('by a reset, in the midst of chunks', () => {
    const talk = new Talk()
      .open()
      .client(GET)
      .server('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
      .acknowledge(0)
    const result = diagnose(talk.wait(300).reset(1), { quietSeconds: 3 })
    assert.match(causeOf(result, 'aborted-transfer'), /the last chunk is missing/)
  })

  test('a reply of Redis that breaks off, and one that never begins', () => {
    const get = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    const redis = (): Talk => new Talk({ serverPort: 6379 }).open().client(get).server('$2\r\nab\r\n').client(get)
    const half = redis().server('$1000\r\nabc').acknowledge(0).wait(100)
    half.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(half), 'aborted-transfer certain x 1')
    const none = redis().acknowledge(1).wait(100)
    none.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(none), 'aborted-transfer certain x 1')
  })

  test('not: Redis closes when it is asked to', () => {
    const talk = new Talk({ serverPort: 6379 }).open().client('*1\r\n$4\r\nPING\r\n').server('+PONG\r\n')
    talk.client('*1\r\n$8\r\nSHUTDOWN\r\n').acknowledge(1)
    assertFindings(diagnose(talk.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)))
  })

  test('the server closes without an answer', () => {
    const talk = asked().wait(300).segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(talk), 'aborted-transfer certain x 1')
  })

  test('a note: the client has given up, while the answer came or before', () => {
    const talk = new Talk().open().client(GET).server(`${head}abc`).acknowledge(0)
    talk.segment(0, { flags: 'F.' }, 1).server('more').segment(0, { flags: 'R' })
    const during = diagnose(talk, { quietSeconds: 3 })
    assert.equal(during.findings.find(({ id }) => id === 'aborted-transfer')!.severity, 'note')
    const before = diagnose(
      asked().wait(300).segment(0, { flags: 'F.' }, 1).segment(1, { flags: 'F.' }, 1).acknowledge(0),
    )
    assertFindings(before)
    assertNotes(before, 'aborted-transfer')
  })

  test('not: a body that lasts until the end, an event stream, a HEAD', () => {
    const untilEnd = new Talk().open().client(GET).server('HTTP/1.0 200 OK\r\n\r\nabc').acknowledge(0)
    assertFindings(diagnose(untilEnd.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)))
    const events = new Talk().open().client(GET)
    events.server(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    )
    assertFindings(
      diagnose(events.acknowledge(0).segment(0, { flags: 'F.' }, 1).segment(1, { flags: 'F.' }, 1).acknowledge(0)),
    )
    assertFindings(diagnose(new Talk().open().client(GET.replace('GET', 'HEAD')).server(head).acknowledge(0).close()))
  })
})
