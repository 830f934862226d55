// TLS as conversations through the whole engine, and those that look like a fault and are healthy.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { Certificates } from '../../protocol/tls/openssl.ts'
import { assertFindings, diagnose } from '../../support/diagnosed.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'
import {
  alert,
  CLIENT_FINISHED,
  CLIENT_HELLO,
  clientHello12,
  encrypted,
  SERVER_FLIGHT,
  serverFlight12,
} from '../../support/tls-records.ts'

const REQUEST = 'GET / HTTP/1.1\r\nHost: shop\r\n\r\n'
const EMPTY_OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

const open = (options: TalkOptions = {}) => new Talk({ serverPort: 443, ...options }).open()

/** A handshake that succeeds, and an answer; the client closes. */
const healthy = (options: TalkOptions = {}) =>
  open(options)
    .client(CLIENT_HELLO)
    .server(SERVER_FLIGHT)
    .client(CLIENT_FINISHED)
    .client(encrypted(100))
    .server(encrypted(400))

/** The same port, a second and more later. */
const later = (startTime: number, clientPort: number): TalkOptions => ({
  startTime: 1_700_000_000 + startTime,
  clientPort,
})

/** Closed by the server. */
const closedByServer = (talk: Talk) => talk.segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)

describe('what client and server could not agree on', () => {
  for (const [code, id] of [
    [70, 'tls-version certain'],
    [40, 'tls-cipher likely'],
    [71, 'tls-cipher certain'],
    [112, 'tls-server-name certain'],
    [116, 'tls-client-certificate certain'],
    [120, 'tls-alpn certain'],
    [86, 'tls-version certain'],
    [80, 'tls-server-name possible'],
  ] as const) {
    test(`alert ${code}`, () => {
      const result = diagnose(open().client(CLIENT_HELLO).server(alert(code)).close())
      assertFindings(result, `${id} x 1`)
      const [finding] = result.findings
      assert.equal(finding!.name, 'server')
      assert.equal(finding!.server!.port, 443)
      assert.deepEqual(finding!.connections, [1])
      assert.equal(result.diagnosis.capture.handshakes, 1)
    })
  }

  test('the client does not take what the server chose', () => {
    const flight = SERVER_FLIGHT.subarray(0, SERVER_FLIGHT.length - 679)
    const result = diagnose(open().client(CLIENT_HELLO).server(flight).client(alert(47)).close())
    assertFindings(result, 'tls-cipher likely x 1')
    assert.match(result.findings[0]!.cause, /TLS_AES_128_GCM_SHA256, group x25519/)
  })

  test('three times is one finding', () => {
    const talks = [0, 1, 2].map((i) =>
      open(later(i, 40000 + i))
        .client(CLIENT_HELLO)
        .server(alert(70))
        .close(),
    )
    const result = diagnose(talks)
    assertFindings(result, 'tls-version certain x 3')
    assert.deepEqual(result.told, ['open tls-version', 'final tls-version'])
  })

  test('not: close_notify, and a handshake that succeeds', () => {
    assertFindings(diagnose(healthy().close()))
    assertFindings(diagnose(healthy().client(alert(0, 1)).close()))
    assertFindings(diagnose(healthy().reset(0)))
  })
})

describe('certificates', () => {
  const certificates = new Certificates()
  after(() => certificates.close())
  certificates.make('expired', { name: 'db.test', from: '20200101000000Z', to: '20210101000000Z' })
  const pem = (name: string) => readFileSync(certificates.path(`${name}.pem`), 'utf8')
  const finished12 = Buffer.concat([
    Buffer.from('140303000101', 'hex'),
    Buffer.from('1603030028', 'hex'),
    Buffer.alloc(40, 7),
  ])

  test('an expired one, that the client says so of, and one that it closes on in silence', () => {
    const begun = () =>
      open()
        .client(clientHello12('db.test'))
        .server(serverFlight12(pem('expired')))
    const result = diagnose(begun().client(alert(45)).close())
    assertFindings(result, 'tls-certificate certain x 1')
    assert.match(result.findings[0]!.cause, /expired on 2021-01-01/)
    assertFindings(diagnose(begun().close()), 'tls-certificate likely x 1')
  })

  test('expired and accepted all the same is a warning', () => {
    const talk = open()
      .client(clientHello12('db.test'))
      .server(serverFlight12(pem('expired')))
      .client(finished12)
      .server(finished12)
      .client(encrypted(90))
      .server(encrypted(90))
    const result = diagnose(talk.close())
    assertFindings(result, 'tls-certificate certain x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
  })

  test('the client closes on an encrypted one: possible', () => {
    assertFindings(diagnose(open().client(CLIENT_HELLO).server(SERVER_FLIGHT).close()), 'tls-certificate possible x 1')
    const said = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(encrypted(19))
    assertFindings(diagnose(said.reset(0)), 'tls-certificate possible x 1')
  })

  test('the client looks at it when the handshake is over, and leaves without a request', () => {
    const begun = (name: string, startTime = 0) =>
      open(later(startTime, 40000 + startTime))
        .client(clientHello12('db.test'))
        .server(serverFlight12(pem(name)))
        .client(finished12)
        .server(finished12)
    const bye = Buffer.from(`150303001a${'00'.repeat(26)}`, 'hex')
    assertFindings(diagnose(begun('expired').client(bye).close()), 'tls-certificate likely x 1')
    assertFindings(diagnose(begun('good').client(bye).close()), 'tls-certificate possible x 1')
    const modern = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).server(encrypted(250))
    assertFindings(diagnose(modern.client(encrypted(19)).close()), 'tls-certificate possible x 1')
    const crossing = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).client(encrypted(19))
    crossing.segment(0, { flags: 'F.' }, 1).server(encrypted(250)).reset(0)
    assertFindings(diagnose(crossing), 'tls-certificate possible x 1')
    // two bytes are as long as an alert, and are answered
    const small = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).server(encrypted(250))
    assertFindings(diagnose(small.client(encrypted(19)).server(encrypted(400)).close()))
    // a connection opened early and not needed, one that the server ends
    assertFindings(diagnose(begun('good').wait(10_000).close()))
    const ended = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).server(encrypted(250))
    assertFindings(diagnose(closedByServer(ended)))
  })

  test('not: good and accepted; the capture ends there', () => {
    const talk = open()
      .client(clientHello12('db.test'))
      .server(serverFlight12(pem('good')))
      .client(finished12)
      .server(finished12)
      .client(encrypted(90))
      .server(encrypted(90))
    assertFindings(diagnose(talk.close()))
    assertFindings(diagnose(open().client(CLIENT_HELLO).server(SERVER_FLIGHT)))
  })

  test('a client’s certificate is wanted, in TLS 1.3: an alert’s size after the second flight', () => {
    const talk = open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).server(encrypted(19))
    assertFindings(diagnose(closedByServer(talk)), 'tls-client-certificate possible x 1')
    // the client hears it, and closes first
    const asked = () => open().client(CLIENT_HELLO).server(SERVER_FLIGHT).client(CLIENT_FINISHED).client(encrypted(90))
    assertFindings(diagnose(asked().server(encrypted(19)).close()), 'tls-client-certificate possible x 1')
    // good-byes
    assertFindings(diagnose(asked().server(encrypted(300)).client(encrypted(19)).server(encrypted(19)).close()))
    assertFindings(
      diagnose(asked().segment(0, { flags: 'F.' }, 1).server(encrypted(19)).segment(1, { flags: 'F.' }, 1)),
    )
  })
})

describe('one side alone speaks TLS', () => {
  test('TLS to a web server, to a mail server that greets, and to Redis that complains', () => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '-ERR Protocol error\r\n']) {
      const result = diagnose(closedByServer(open({ serverPort: 8080 }).client(CLIENT_HELLO).server(answer)))
      assertFindings(result, 'tls-to-plaintext certain x 1')
    }
    const greeted = open({ serverPort: 25 }).server('220 mail.test ESMTP\r\n').client(CLIENT_HELLO)
    assertFindings(diagnose(greeted.close()), 'tls-to-plaintext certain x 1')
  })

  test('TLS to a Redis that stays silent: told as such where plain Redis is seen on that port, before or after', () => {
    const silent = (at: number) =>
      open({ ...later(at, 40001), serverPort: 6379 })
        .client(CLIENT_HELLO)
        .acknowledge(1)
    const plain = (at: number) =>
      open({ ...later(at, 40002), serverPort: 6379 })
        .client('*1\r\n$4\r\nPING\r\n')
        .server('+PONG\r\n')
        .close()
    const waited = (at: number) => silent(at).wait(5000).close()
    assertFindings(diagnose(waited(0)), 'tls-no-answer likely x 1')
    assertFindings(diagnose([plain(0), waited(1)]), 'tls-to-plaintext likely x 1')
    const result = diagnose([waited(0), plain(10)])
    assertFindings(result, 'tls-to-plaintext likely x 1')
    assert.deepEqual(result.told.slice(0, 3), [
      'open tls-no-answer',
      'withdrawn tls-no-answer',
      'open tls-to-plaintext',
    ])
    assert.deepEqual(result.findings[0]!.connections, [1])
  })

  test('a plain request to a port that speaks TLS: an alert, and what nginx says', () => {
    assertFindings(diagnose(closedByServer(open().client(REQUEST).server(alert(70)))), 'plaintext-to-tls certain x 1')
    const words = '<center>The plain HTTP request was sent to HTTPS port</center>'
    const answer = `HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: ${words.length}\r\n\r\n${words}`
    assertFindings(diagnose(closedByServer(open().client(REQUEST).server(answer))), 'plaintext-to-tls certain x 1')
  })

  test('a plain request on which the server just closes: where TLS is seen on that port, before or after', () => {
    const plain = (at: number) => closedByServer(open(later(at, 40001)).client(REQUEST))
    assertFindings(diagnose([healthy().close(), plain(1)]), 'plaintext-to-tls likely x 1')
    const result = diagnose([plain(0), healthy(later(1, 40002)).close()])
    assertFindings(result, 'plaintext-to-tls likely x 1')
    assert.deepEqual(result.findings[0]!.connections, [1])
    // a server that resets has been asked plainly, too
    const reset = open(later(0, 40001)).client(REQUEST).reset(1)
    assertFindings(diagnose([reset, healthy(later(1, 40002)).close()]), 'plaintext-to-tls likely x 1')
    assert.deepEqual(
      diagnose(plain(0)).findings.filter(({ id }) => id === 'plaintext-to-tls'),
      [],
    )
  })

  test('TLS is asked for and declined, and the client leaves', () => {
    const request = Buffer.from('0000000804d2162f', 'hex')
    const asked = () => open({ serverPort: 5432 }).client(request).server('N')
    assertFindings(diagnose(asked().close()), 'tls-to-plaintext likely x 1')
    const mail = open({ serverPort: 25 })
      .server('220 mail.test\r\n')
      .client('STARTTLS\r\n')
      .server('454 TLS not available\r\n')
      .client('QUIT\r\n')
      .server('221 bye\r\n')
    const result = diagnose(mail.close())
    assertFindings(result, 'tls-to-plaintext likely x 1')
    assert.match(result.findings[0]!.cause, /454 TLS not available/)
    // sslmode=prefer goes on without
    const startup = Buffer.from('0000002100030000', 'hex')
    const goesOn = asked()
      .client(Buffer.concat([startup, Buffer.alloc(25, 65)]))
      .server('R\0\0\0\x08\0\0\0\0')
    assertFindings(diagnose(goesOn.close()))
  })

  test('not: plain on both sides, whatever is refused', () => {
    const plain = open({ serverPort: 80 }).client(REQUEST).server(EMPTY_OK)
    assertFindings(diagnose(plain.close()))
    const upload = open({ serverPort: 80 }).client('PUT /x HTTP/1.1\r\nContent-Length: 6000\r\n\r\n')
    for (let i = 0; i < 6; i++) upload.client('x'.repeat(1000))
    assertFindings(diagnose(upload.server(EMPTY_OK).close()))
  })
})

describe('STARTTLS', () => {
  const asked = (after: Buffer) =>
    open({ serverPort: 25 })
      .server('220 mail.test ESMTP\r\n')
      .client('EHLO a\r\n')
      .server('250-mail.test\r\n250 STARTTLS\r\n')
      .client('STARTTLS\r\n')
      .server('220 go ahead\r\n')
      .client(CLIENT_HELLO)
      .server(after)
  test('a fault behind it is told like any', () => {
    assertFindings(diagnose(asked(alert(40)).close()), 'tls-cipher likely x 1')
  })
  test('not: it succeeds', () => {
    assertFindings(
      diagnose(asked(SERVER_FLIGHT).client(CLIENT_FINISHED).client(encrypted(90)).server(encrypted(60)).close()),
    )
  })
})

describe('no answer, and a slow one', () => {
  test('told when the hello has waited a second, and withdrawn when the answer comes', () => {
    const waits = () => open().client(CLIENT_HELLO).acknowledge(1)
    const result = diagnose(waits(), { quietSeconds: 5 })
    assertFindings(result, 'tls-no-answer likely x 1')
    assert.deepEqual(result.told, ['open tls-no-answer', 'final tls-no-answer'])
    const late = diagnose(
      waits()
        .wait(2000)
        .server(SERVER_FLIGHT)
        .client(CLIENT_FINISHED)
        .client(encrypted(90))
        .server(encrypted(99))
        .close(),
    )
    assert.deepEqual(late.told.slice(0, 3), ['open tls-no-answer', 'withdrawn tls-no-answer', 'open tls-slow'])
    assertFindings(late, 'tls-slow certain x 1')
    assert.match(late.findings[0]!.cause, /longest wait was for the server: 2\.0 s/)
  })

  test('the server closes without a word', () => {
    assertFindings(diagnose(closedByServer(open().client(CLIENT_HELLO))), 'tls-no-answer likely x 1')
  })

  test('not: not acknowledged, only one direction seen, or gone at once', () => {
    const lost = open().client(CLIENT_HELLO)
    const said = diagnose(lost, { quietSeconds: 5 }).findings.map(({ id }) => id)
    assert.ok(!said.includes('tls-no-answer'))
    assertFindings(diagnose(open().client(CLIENT_HELLO).acknowledge(1).close()))
  })
})
