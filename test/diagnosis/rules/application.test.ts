// What applications answer, as conversations, and what is part of healthy use.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, type Diagnosed, diagnose, diagnoseFrames } from '../../support/diagnosed.ts'
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts'
import { Talk, type TalkOptions } from '../../support/talk.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: shop\r\n\r\n`
const http = (status: string, body = '') => `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const resp = (...words: string[]) => `*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`
const open = (options: TalkOptions = {}) => new Talk(options).open()
const at = (seconds: number) => 1_700_000_000 + seconds

describe('http-error', () => {
  test('500, counted by status', () => {
    const talk = open()
    for (let i = 0; i < 3; i++) talk.client(get('/orders')).server(http('500 Internal Server Error'))
    talk.client(get('/orders')).server(http('503 Service Unavailable'))
    talk.client(get('/')).server(http('200 OK')).close()
    const result = diagnose(talk)
    assertFindings(result, 'http-error certain x 3', 'http-error certain x 1')
    const [finding] = result.findings
    assert.equal(finding!.severity, 'warning')
    assert.match(finding!.cause, /10\.0\.0\.2:80 answered 500 to "GET \/orders": the application failed/)
    assert.match(finding!.cause, /3 of its 3 answers so far/)
  })

  test('502 of a proxy: the server behind it refused just then', () => {
    const behind = new Talk({
      client: '10.0.0.2',
      clientPort: 50000,
      server: '10.0.0.3',
      serverPort: 9000,
      startTime: at(0.01),
    })
      .syn()
      .segment(1, { flags: 'R.', seq: 0 })
    const front = open().client(get('/')).wait(20).server(http('502 Bad Gateway')).close()
    const result = diagnose([front, behind])
    assertFindings(result, 'refused likely x 1', 'http-error certain x 1')
    const error = result.findings[1]!
    assert.match(error.cause, /10\.0\.0\.2 itself had trouble with 10\.0\.0\.3:9000 \(refused\)/)
    assert.equal(error.evidence.length, 3)
  })

  test('504 of a proxy: the server behind it is given up in the same moment, a little later on the wire', () => {
    const behind = open({
      client: '10.0.0.2',
      clientPort: 50000,
      server: '10.0.0.3',
      serverPort: 9000,
      startTime: at(0.01),
    })
      .client(get('/'))
      .acknowledge(1)
      .wait(4998)
    const front = open().client(get('/')).wait(5000).server(http('504 Gateway Timeout'))
    const result = diagnose([front.wait(2000).close(), behind.close()])
    const error = result.findings.find(({ id }) => id === 'http-error')!
    assert.match(error.cause, /10\.0\.0\.2 itself had trouble with 10\.0\.0\.3:9000 \(server-slow\)/)
  })

  test('502, and nothing was seen behind', () => {
    const result = diagnose(open().client(get('/')).server(http('502 Bad Gateway')).close())
    assertFindings(result, 'http-error certain x 1')
    assert.match(result.findings[0]!.cause, /was not seen to fail/)
  })

  test('not: 404, 403, a redirection, trouble of another host', () => {
    for (const status of ['404 Not Found', '403 Forbidden', '302 Found', '429 Too Many Requests']) {
      assertFindings(diagnose(open().client(get('/')).server(http(status)).close()))
    }
  })
})

describe('protocol-error', () => {
  const redis = () => open({ serverPort: 6379 })
  test('Redis, counted by code', () => {
    const talk = redis()
    for (let i = 0; i < 2; i++) {
      talk
        .client(resp('LPUSH', 'k', 'v'))
        .server('-WRONGTYPE Operation against a key holding the wrong kind of value\r\n')
    }
    talk.client(resp('SET', 'k', 'v')).server("-READONLY You can't write against a read only replica.\r\n")
    const result = diagnose(talk.close())
    assertFindings(result, 'protocol-error certain x 2', 'protocol-error certain x 1')
    assert.match(result.findings[0]!.cause, /the key holds another type of value/)
  })

  test('memcached', () => {
    const talk = open({ serverPort: 11211 }).client('set foo 0 0 3\r\nbar\r\n')
    const result = diagnose(talk.server('SERVER_ERROR out of memory storing object\r\n').close())
    assertFindings(result, 'protocol-error certain x 1')
    assert.match(result.findings[0]!.cause, /SERVER_ERROR out of memory storing object/)
  })

  test('not: a cluster’s redirections, a script that is loaded then, questions to an older server', () => {
    const talk = redis()
      .client(resp('GET', 'k'))
      .server('-MOVED 3999 10.0.0.9:6379\r\n')
      .client(resp('EVALSHA', 'abc', '0'))
      .server('-NOSCRIPT No matching script.\r\n')
      .client(resp('CLIENT', 'SETINFO', 'LIB-NAME', 'x'))
      .server("-ERR unknown subcommand 'SETINFO'\r\n")
      .client(resp('HELLO', '3'))
      .server('-NOPROTO unsupported protocol version\r\n')
      .client(resp('GET', 'none'))
      .server('$-1\r\n')
    assertFindings(diagnose(talk.close()))
    const miss = open({ serverPort: 11211 })
      .client('get none\r\n')
      .server('END\r\n')
      .client('delete none\r\n')
      .server('NOT_FOUND\r\n')
    assertFindings(diagnose(miss.close()))
  })
})

describe('auth-failed', () => {
  for (const [said, sent] of [
    ['-NOAUTH Authentication required.', resp('GET', 'k')],
    ['-WRONGPASS invalid username-password pair or user is disabled.', resp('AUTH', 'x')],
    ['-ERR invalid password', resp('AUTH', 'x')],
    ['-ERR Client sent AUTH, but no password is set', resp('AUTH', 'x')],
  ] as const) {
    test(`Redis: ${said}`, () => {
      assertFindings(
        diagnose(open({ serverPort: 6379 }).client(sent).server(`${said}\r\n`).close()),
        'auth-failed certain x 1',
      )
    })
  }

  const unauthorized = http('401 Unauthorized')
  test('401 again and again is a warning; once, and never let in, a note', () => {
    const talk = open()
    for (let i = 0; i < 4; i++) talk.client(get('/api')).server(unauthorized)
    const result = diagnose(talk.close())
    assertFindings(result, 'auth-failed likely x 4')
    assert.match(result.findings[0]!.cause, /401 to "GET \/api", 4 times in a row/)
    assertNotes(diagnose(open().client(get('/api')).server(unauthorized).close()), 'auth-failed')
    assertFindings(diagnose(open().client(get('/api')).server(unauthorized).close()))
  })

  test('not: the same request with credentials succeeds', () => {
    const talk = open().client(get('/api')).server(unauthorized).client(get('/api')).server(http('200 OK'))
    const result = diagnose(talk.close())
    assertFindings(result)
    assertNotes(result)
  })
})

describe('protocol-mismatch', () => {
  const cases: readonly (readonly [string, (talk: Talk) => Talk, string])[] = [
    [
      'HTTP to Redis',
      (t) => t.client(get('/')).server("-ERR wrong number of arguments for 'get' command\r\n"),
      'HTTP, .* Redis',
    ],
    [
      'HTTP to SSH',
      (t) => t.server('SSH-2.0-OpenSSH_9.2\r\n').client(get('/')).server('Invalid SSH identification string.\r\n'),
      'HTTP, .* SSH',
    ],
    ['HTTP to MySQL', (t) => t.server('\x4a\0\0\0\x0a8.0.36\0abcdefgh').client(get('/')), 'HTTP, .* MySQL'],
    [
      'HTTP to SMTP',
      (t) => t.server('220 mail.test ESMTP\r\n').client(get('/')).server('502 unknown command\r\n'),
      'HTTP, .* SMTP',
    ],
    ['HTTP to memcached', (t) => t.client(get('/')).server('ERROR\r\nERROR\r\n'), 'HTTP, .* memcached'],
    ['HTTP to HTTP/2', (t) => t.client(get('/')).server('\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64'), 'HTTP, .* HTTP/2'],
    [
      'HTTP/2 to HTTP',
      (t) => t.client('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').server(http('400 Bad Request')),
      'HTTP/2, .* HTTP',
    ],
    [
      'HTTP to MongoDB',
      (t) =>
        t
          .client(get('/'))
          .server(
            'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 85\r\n\r\nIt looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n',
          ),
      'HTTP, .* MongoDB',
    ],
    ['Redis to HTTP', (t) => t.client(resp('PING')).server(http('400 Bad Request')), 'Redis, .* HTTP'],
    ['Redis to memcached', (t) => t.client(resp('PING')).server('ERROR\r\n'), 'Redis, .* memcached'],
    [
      'memcached to Redis',
      (t) => t.client('set foo 0 0 3\r\nbar\r\n').server('-ERR syntax error\r\n'),
      'memcached, .* Redis',
    ],
    [
      'PostgreSQL to HTTP',
      (t) => t.client(Buffer.from('0000000804d2162f', 'hex')).server(http('400 Bad Request')),
      'PostgreSQL, .* HTTP',
    ],
    ['SSH to HTTP', (t) => t.client('SSH-2.0-OpenSSH_9.2\r\n').server(http('400 Bad Request')), 'SSH, .* HTTP'],
    ['AMQP to HTTP', (t) => t.client('AMQP\0\0\x09\x01').server(http('400 Bad Request')), 'AMQP, .* HTTP'],
  ]
  for (const [name, said, words] of cases) {
    test(name, () => {
      for (const end of [(t: Talk) => t.close(), (t: Talk) => t.reset(1)]) {
        const result = diagnose(end(said(open({ serverPort: 7000 }))))
        assertFindings(result, 'protocol-mismatch certain x 1')
        assert.match(result.findings[0]!.cause, new RegExp(words))
      }
    })
  }

  test('the server closes without a word, where another protocol is seen or usual', () => {
    const closed = (options: TalkOptions) =>
      open(options).client(get('/')).segment(1, { flags: 'F.' }, 1).segment(0, { flags: 'F.' }, 1).acknowledge(1)
    assertFindings(diagnose(closed({ serverPort: 6379 })), 'protocol-mismatch possible x 1')
    const spoken = open({ serverPort: 7000 }).client(resp('PING')).server('+PONG\r\n').close()
    const later = closed({ serverPort: 7000, clientPort: 40001, startTime: at(5) })
    assertFindings(diagnose([spoken, later]), 'protocol-mismatch likely x 1')
    assertFindings(diagnose(closed({ serverPort: 7000 })), 'aborted-transfer certain x 1')
  })

  test('not: each protocol with itself', () => {
    const same: readonly ((talk: Talk) => Talk)[] = [
      (t) => t.client(get('/')).server(http('400 Bad Request')),
      (t) => t.client(resp('PING')).server('+PONG\r\n'),
      (t) => t.client('get foo\r\n').server('$3\r\nbar\r\n'),
      (t) => t.server('SSH-2.0-OpenSSH_9.2\r\n').client('SSH-2.0-OpenSSH_9.2\r\n'),
      (t) => t.server('220 mail.test ESMTP\r\n').client('EHLO a\r\n').server('500 what\r\n'),
      (t) =>
        t
          .client('CONNECT shop:443 HTTP/1.1\r\n\r\n')
          .server('HTTP/1.1 200 Connection established\r\n\r\n')
          .server('220 x\r\n'),
      (t) => t.client('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').server('\0\0\0\x04\0\0\0\0\0'),
    ]
    for (const said of same) assertFindings(diagnose(said(open()).close()))
  })
})

describe('quic', () => {
  const datagram = (first: string, bytes: number, dport = 443): Diagnosed => {
    const payload = Buffer.concat([Buffer.from(first, 'hex'), Buffer.alloc(bytes)])
    return diagnoseFrames([{ frame: ethernet({}, ipv4({}, udp({ sport: 50000, dport, payload }))), time: at(0) }])
  }
  test('a first packet of version 1, and of version 2', () => {
    assertNotes(datagram('c300000001', 1200), 'quic')
    assertNotes(datagram('d36b3343cf', 1200), 'quic')
  })
  test('not: other datagrams to 443, small ones, other ports', () => {
    assertNotes(datagram('0001020304', 1200))
    assertNotes(datagram('c300000001', 30))
    assertNotes(datagram('c300000001', 1200, 53))
  })
})

describe('what waits by design', () => {
  test('BLPOP, SUBSCRIBE, XREAD BLOCK, WAIT: a minute without an answer', () => {
    for (const command of [
      resp('BLPOP', 'queue', '0'),
      resp('SUBSCRIBE', 'news'),
      resp('XREAD', 'BLOCK', '0', 'STREAMS', 's', '$'),
      resp('WAIT', '1', '0'),
    ]) {
      const talk = open({ serverPort: 6379 }).client(command).acknowledge(1)
      if (command.includes('SUBSCRIBE')) talk.server('*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n')
      assertFindings(diagnose(talk.wait(60_000).close(), { quietSeconds: 60 }))
    }
  })

  test('MongoDB’s awaitable hello, Kafka’s JoinGroup and Fetch: seconds without an answer, again and again', () => {
    const topology = Buffer.from('hello\0\x01\0\0\0\x03topologyVersion\0\x2d\0\0\0', 'latin1')
    const body = Buffer.concat([
      Buffer.alloc(16),
      Buffer.alloc(5),
      Buffer.from([80, 0, 0, 0, 0x10]),
      topology,
      Buffer.alloc(60),
    ])
    body.writeUInt32LE(body.length, 0)
    body.writeUInt32LE(2013, 12)
    const kafka = (key: number) => {
      const request = Buffer.concat([Buffer.alloc(14), Buffer.from('consumer-1'), Buffer.alloc(30)])
      request.writeUInt32BE(request.length - 4, 0)
      request.writeUInt16BE(key, 4)
      request.writeUInt16BE(5, 6)
      request.writeInt16BE(10, 12)
      return request
    }
    const METADATA = 3
    const ask = (request: Buffer, waits: number) => {
      const talk = open({ serverPort: 9999 })
      for (let i = 0; i < 4; i++) talk.client(request).acknowledge(1).wait(waits).server(Buffer.alloc(40, 1))
      return diagnose(talk.client(request).acknowledge(1).wait(60_000), { quietSeconds: 10 })
    }
    for (const request of [body, kafka(1), kafka(11), kafka(14)]) assertFindings(ask(request, 10_000))
    const { findings } = ask(kafka(METADATA), 10_000)
    assert.ok(findings.some(({ id }) => id === 'server-slow'))
  })

  test('server-sent events: an answer that has no end', () => {
    const talk = open().client(get('/events')).server('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
    for (let i = 0; i < 5; i++) talk.wait(20_000).server('data: tick\n\n')
    assertFindings(diagnose(talk.close(), { quietSeconds: 60 }))
  })

  test('a route whose answers usually take so long; and the same once, where they do not', () => {
    const poll = open()
    for (let i = 0; i < 6; i++) poll.client(get('/poll')).acknowledge(1).wait(25_000).server(http('200 OK'))
    assertFindings(diagnose(poll.close()))
    const once = open().client(get('/orders')).acknowledge(1).wait(25_000).server(http('200 OK'))
    assertFindings(diagnose(once.close()), 'server-slow likely x 1')
  })
})
