// Answers that are late or never come, as conversations; and those that look like it and are healthy.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, diagnose } from '../../support/diagnosed.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'
import { CLIENT_FINISHED, CLIENT_HELLO, encrypted, SERVER_FLIGHT } from '../../support/tls-records.ts'

const START = 1_700_000_000
const GET = 'GET /report HTTP/1.1\r\nHost: web\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A request, acknowledged at once; the answer is up to the caller. */
function asked(options: TalkOptions = {}, request = GET): Talk {
  return new Talk(options).open().client(request).acknowledge(1)
}

function answered(talk: Talk, afterMillis: number): Talk {
  return talk.wait(afterMillis).server(OK).acknowledge(0)
}

describe('server-slow', () => {
  test('an answer after three seconds', () => {
    const result = diagnose(answered(asked(), 3000).close())
    assertFindings(result, 'server-slow likely x 1')
    const [finding] = result.findings
    assert.match(finding!.cause, /^10\.0\.0\.2 took 3\.0 s to answer "GET \/report/)
    assert.match(finding!.evidence[1]!.text, /3\.0 s later/)
  })

  test('--slow decides', () => {
    assertFindings(diagnose(answered(asked(), 400).close(), { slowMillis: 300 }), 'server-slow likely x 1')
    assertFindings(diagnose(answered(asked(), 400).close()))
  })

  test('the share of such requests among all of their sort', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 10; i++) answered(talk.client(GET).acknowledge(1), i === 5 ? 2000 : 5)
    const result = diagnose(talk.close())
    assertFindings(result, 'server-slow likely x 1')
    assert.match(result.findings[0]!.cause, /1 request of 6 of this sort/)
  })

  test('what the server waited for itself is named', () => {
    const upstream = asked({ client: '10.0.0.2', server: '10.0.0.3', serverPort: 8080, startTime: START + 0.1 })
    const result = diagnose([answered(asked(), 3000).close(), answered(upstream, 2700).close()])
    assertFindings(result, 'server-slow likely x 1', 'server-slow likely x 1')
    const front = result.findings.find(({ client }) => client!.address === '10.0.0.1')
    assert.match(front!.cause, /10\.0\.0\.2 itself waited 2\.7 s for 10\.0\.0\.3:8080/)
    const back = result.findings.find(({ client }) => client!.address === '10.0.0.2')
    assert.doesNotMatch(back!.cause, /itself waited/)
  })

  test('the client gives up before an answer', () => {
    const result = diagnose(asked().wait(5000).close(), { quietSeconds: 2 })
    assertFindings(result, 'server-slow likely x 1')
    assert.match(result.findings[0]!.cause, /had not answered .* after 5\.0 s; then 10\.0\.0\.1 gave up/)
  })

  test('a protocol that is not known: possible', () => {
    const talk = new Talk({ serverPort: 9999 }).open().client('hello').server('hi')
    assertFindings(
      diagnose(talk.client('work').acknowledge(1).wait(2500).server('done').close()),
      'server-slow possible x 1',
    )
  })

  test('fifty times the usual is a note', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 150; i++) answered(talk.client(GET).acknowledge(1), 2)
    const result = diagnose(answered(talk.client(GET).acknowledge(1), 700).close())
    assertFindings(result)
    assertNotes(result, 'server-slow')
  })

  test('not: an answer that begins at once and takes long to arrive', () => {
    const talk = asked().server('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    for (let i = 0; i < 10; i++) talk.wait(900).server('x'.repeat(100)).acknowledge(0)
    assertFindings(diagnose(talk.close()))
  })

  test('not: a request that takes long to arrive', () => {
    const talk = new Talk().open().client('POST /up HTTP/1.1\r\nHost: web\r\nContent-Length: 400\r\n\r\n')
    for (let i = 0; i < 4; i++) talk.wait(900).client('x'.repeat(100)).acknowledge(1)
    assertFindings(diagnose(talk.server(OK).close()))
  })

  test('not: a client that thinks long between requests', () => {
    const talk = answered(asked(), 5).wait(20_000).client(GET).acknowledge(1)
    assertFindings(diagnose(answered(talk, 5).close()))
  })

  test('not: a request that was lost and sent again', () => {
    const talk = new Talk().open().client(GET).wait(1200).repeat().acknowledge(1)
    assertFindings(diagnose(answered(talk, 5).close()), 'loss likely x 1')
  })

  test('not: the server was asked to wait', () => {
    const talk = new Talk({ serverPort: 6379 }).open()
    talk.client('*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$2\r\n60\r\n').acknowledge(1).wait(8000)
    assertFindings(diagnose(talk.server('*2\r\n$1\r\nq\r\n$1\r\nx\r\n').acknowledge(0).close()))
  })

  test('not: a long poll, once it is known for one', () => {
    const talk = new Talk().open()
    for (let i = 0; i < 5; i++) answered(talk.client(GET).acknowledge(1), 25_000)
    const result = diagnose(talk.close())
    assertFindings(result)
    assert.ok(result.told.includes('withdrawn server-slow'))
  })

  test('not: messages that a server of an unknown protocol sends by itself', () => {
    const talk = new Talk({ serverPort: 1883 }).open().client('CONNECT').server('CONNACK').wait(3000).server('news')
    talk.client('PUBLISH').acknowledge(1).wait(20_000).server('more news').acknowledge(0)
    assertFindings(diagnose(talk.close()))
  })
})

describe('server-slow behind TLS 1.3', () => {
  const handshake = (): Talk =>
    new Talk({ serverPort: 443 }).open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED)

  test('tickets come between the request and its answer', () => {
    const talk = handshake().client(encrypted(120)).server(encrypted(250)).server(encrypted(250)).acknowledge(0)
    const result = diagnose(talk.wait(3000).server(encrypted(900)).acknowledge(0).close())
    assertFindings(result, 'server-slow possible x 1')
    assert.match(result.findings[0]!.cause, /took 3\.0 s from the first message after the TLS handshake/)
  })

  test('tickets came before the request', () => {
    const talk = handshake().server(encrypted(250)).server(encrypted(250)).client(encrypted(120)).acknowledge(1)
    assertFindings(diagnose(talk.wait(3000).server(encrypted(900)).acknowledge(0).close()), 'server-slow possible x 1')
  })

  test('not: an idle connection that the server closes', () => {
    const talk = handshake().server(encrypted(250)).server(encrypted(250)).wait(60_000).server(encrypted(19))
    assertFindings(diagnose(talk.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)))
  })

  test('not: an answer at once, and more later', () => {
    const talk = handshake().client(encrypted(120)).server(encrypted(250)).server(encrypted(1200)).wait(3000)
    assertFindings(diagnose(talk.server(encrypted(900)).acknowledge(0).close()))
  })
})

describe('hung-peer', () => {
  const KEEP_ALIVE = { flags: '.', seq: 1000 + GET.length }

  test('acknowledged, keep-alives answered, no byte by the end', () => {
    const talk = asked()
    for (let i = 0; i < 4; i++) talk.wait(15_000).segment(0, KEEP_ALIVE).acknowledge(1)
    const result = diagnose(talk)
    assertHung(result)
    assert.match(result.findings.find(({ id }) => id === 'hung-peer')!.cause, /still answers TCP keep-alives/)
  })

  test('silence is enough', () => assertHung(diagnose(asked(), { quietSeconds: 40 })))

  test('the client closes in the end, and the server does not even then', () => {
    assertHung(diagnose(asked().wait(35_000).segment(0, { flags: 'F.' }, 1).acknowledge(1), { quietSeconds: 10 }))
  })

  test('the client closes in the end, and only then the server', () => {
    assertHung(diagnose(asked().wait(35_000).close()))
  })

  test('not: the server closes by itself', () => {
    const talk = asked().wait(35_000).segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assert.ok(!diagnose(talk).findings.some(({ id }) => id === 'hung-peer'))
  })

  test('an answer after all: withdrawn in favour of server-slow', () => {
    const result = diagnose(answered(asked(), 50_000).close())
    assertFindings(result, 'server-slow likely x 1')
    const told = result.told.filter((each) => /hung|slow/.test(each))
    assert.deepEqual(told, ['open hung-peer', 'withdrawn hung-peer', 'open server-slow', 'final server-slow'])
  })

  test('a protocol that is not known, whose server has answered before', () => {
    const talk = new Talk({ serverPort: 9999 }).open().client('hello').server('hi').client('work').acknowledge(1)
    assertHung(diagnose(talk, { quietSeconds: 40 }))
  })

  test('not: not so long yet', () => assertFindings(diagnose(asked(), { quietSeconds: 20 })))

  test('not: the request was never acknowledged', () => {
    const talk = new Talk().open().client(GET)
    assert.ok(!diagnose(talk, { quietSeconds: 40 }).findings.some(({ id }) => id === 'hung-peer'))
  })

  test('not: the server was asked to wait', () => {
    const blocked = '*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n'
    assertFindings(diagnose(new Talk({ serverPort: 6379 }).open().client(blocked).acknowledge(1), { quietSeconds: 90 }))
  })

  test('not: a protocol that is not known, on a connection that began before the capture', () => {
    const talk = new Talk({ serverPort: 9999 }).client('hello').server('hi').client('work').acknowledge(1)
    assertFindings(diagnose(talk, { quietSeconds: 40 }))
  })

  test('not: logs, which want no answer', () => {
    const talk = new Talk({ serverPort: 514 }).open()
    for (let i = 0; i < 5; i++) talk.client('<34>Oct 11 su: failed\n').acknowledge(1).wait(1000)
    assertFindings(diagnose(talk, { quietSeconds: 60 }))
  })

  test('not: an answer that has begun', () => {
    const talk = asked().server('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n').acknowledge(0)
    assertFindings(diagnose(talk, { quietSeconds: 90 }))
  })
})

function assertHung(result: ReturnType<typeof diagnose>): void {
  assertFindings(result, 'hung-peer possible x 1')
}
