import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Exchange } from '../../../src/core/exchange.ts'
import {
  RECOGNISED_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
} from '../../../src/protocol/exchange-parser.ts'
import { http } from '../../../src/protocol/http/http.ts'
import { lines, playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'

function conversation(steps: readonly Step[], expected: readonly string[]): void {
  assert.deepEqual(lines(playEveryWay(http, steps)), expected)
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\n\r\n`
}

describe('a server that speaks no HTTP', () => {
  function told(steps: readonly Step[], how: 'FIN' | 'RST' | 'goes on', middle = false): readonly string[] {
    const transcript = new Transcript(http, { middle }).play(steps)
    const [, server] = transcript.connection.streams
    server.sawFin = how === 'FIN'
    server.sawReset = how === 'RST'
    return lines(transcript.close())
  }
  const asked: Step = ['>', 'GET / HTTP/1.0\r\n\r\n']

  test('its first words are the answer, until the connection ends', () => {
    for (const how of ['FIN', 'RST'] as const) {
      assert.deepEqual(told([asked, ['<', 'hel'], ['<', 'lo']], how), [
        'GET / | error | answer is no HTTP/1 | 0-0 | 1-2 | 18/5',
      ])
    }
  })

  test('where the capture ends before the connection does, nobody knows', () => {
    assert.deepEqual(told([asked, ['<', 'hello']], 'goes on'), ['GET / | unknown | 0-0 | 18/0'])
  })

  test('not in a connection met midway, not after an answer, not with two requests under way', () => {
    assert.match(told([asked, ['<', 'hello']], 'FIN', true).join(), /unknown/)
    assert.match(
      told(
        [
          ['>', get('/')],
          ['<', OK],
          ['>', get('/b')],
          ['<', 'hello'],
        ],
        'FIN',
      )[1]!,
      /unknown/,
    )
    assert.match(
      told(
        [
          ['>', get('/a') + get('/b')],
          ['<', 'hello'],
        ],
        'FIN',
      )[0]!,
      /unknown/,
    )
  })
})

describe('HTTP exchanges', () => {
  test('keep-alive: status, query, bytes of heads and bodies', () => {
    conversation(
      [
        ['>', get('/users/1?page=2')],
        ['<', OK],
        ['>', 'POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc'],
        ['<', 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n'],
        ['>', get('/y')],
        ['<', 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'],
      ],
      [
        'GET /users/1?page=2 | ok | 200 | 0-0 | 1-1 | 32/40',
        'POST /x | ok | 404 | 2-2 | 3-3 | 42/38',
        'GET /y | error | 502 | 4-4 | 5-5 | 19/47',
      ],
    )
  })

  test('command and key are without the query; long ones are bounded; UTF-8 is read', () => {
    const long = '/a'.repeat(2000)
    const told = new Transcript(http)
      .play([
        ['>', get('/users/1?page=2') + get(long) + get('/caf\xc3\xa9?x') + get('/caf\xe9') + get('http://h/p?q')],
        ['<', OK.repeat(5)],
      ])
      .close()
    assert.deepEqual(
      told.map((e) => [e.command.slice(0, 20), e.key.slice(0, 20), e.request.length, e.command.length]),
      [
        ['GET /users/1', '/users/1', 19, 12],
        [`GET ${long.slice(0, 16)}`, long.slice(0, 20), 1024, 256],
        ['GET /café', '/café', 11, 9],
        ['GET /caf\xe9', '/caf\xe9', 9, 9],
        ['GET http://h/p', 'http://h/p', 16, 14],
      ],
    )
  })

  test('a request and a response in several segments: first and last byte', () => {
    conversation(
      [
        ['>', 'POST /u HTTP/1.1\r\nContent-Le'],
        ['>', 'ngth: 4\r\n\r\nab'],
        ['>', 'cd'],
        ['<', 'HTT'],
        ['<', 'P/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12'],
        ['<', '34'],
      ],
      ['POST /u | ok | 200 | 0-2 | 3-5 | 43/42'],
    )
  })

  test('pipelined, with HEAD, 204, 304 and what their fields announce', () => {
    conversation(
      [
        ['>', `HEAD /1 HTTP/1.1\r\n\r\n${get('/2')}`],
        ['>', get('/3')],
        ['<', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'],
        ['<', 'HTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n'],
      ],
      [
        'HEAD /1 | ok | 200 | 0-0 | 2-2 | 20/38',
        'GET /2 | ok | 204 | 0-0 | 3-3 | 19/19 | behind 1',
        'GET /3 | ok | 304 | 1-1 | 3-3 | 19/40 | behind 2',
      ],
    )
  })

  test('chunks with extensions and trailers, every byte counted; a streaming answer', () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    const rest = ['5;x=y\r\nhello\r\n', '003\r\nabc\r\n', '0\r\nDigest: x\r\n\r\n']
    conversation(
      [
        ['>', 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
        ['<', head],
        ['<', rest[0]!],
        ['<', rest[1]!],
        ['<', rest[2]!],
      ],
      [`PUT / | ok | 200 | 0-0 | 1-4 | 59/${(head + rest.join('')).length}`],
    )
  })

  test('an interim response is no answer, but its bytes count', () => {
    conversation(
      [
        ['>', 'POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'],
        ['<', 'HTTP/1.1 100 Continue\r\n\r\n'],
        ['>', 'hi'],
        ['<', 'HTTP/1.1 103 Early\r\nLink: x\r\n\r\n'],
        ['<', OK],
      ],
      ['POST / | ok | 200 | 0-2 | 4-4 | 62/96'],
    )
  })

  test('a response before its request is complete', () => {
    conversation(
      [
        ['>', 'POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nhi'],
        ['<', 'HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n'],
        ['>', 'hi'],
        ['>', get('/2')],
        ['<', OK],
      ],
      ['POST / | ok | 413 | 0-2 | 1-1 | 42/41', 'GET /2 | ok | 200 | 3-3 | 4-4 | 19/40'],
    )
  })

  const EXPECTING = 'POST /u HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n'
  const REFUSAL = 'HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno'
  const BODY = 'GET /not a request, but a body\n'.slice(0, 30)

  test('a body that no length announces is not the next request', () => {
    for (const [version, body] of [
      ['1.1', 'a=1&b=2'],
      ['1.1', 'just text'],
      ['1.0', '{"a": "GET /no HTTP/1.1"}\r\n'],
      ['1.1', 'line one\nline two'],
    ]) {
      const post = `POST /1 HTTP/${version}\r\n\r\n`
      for (const steps of [
        [['>', post + body]],
        [
          ['>', post],
          ['>', body],
        ],
      ] as Step[][]) {
        const told = playEveryWay(http, [...steps, ['<', OK], ['>', get('/2')], ['<', OK]] as Step[])
        assert.deepEqual(
          told.map((e) => `${e.request} ${e.status}`),
          ['POST /1 ok', 'GET /2 ok'],
        )
      }
    }
  })

  test('unanswered, with a body that no length announces or whose framing makes no sense: told once', () => {
    const chunked = 'POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
    for (const steps of [
      [['>', 'POST /1 HTTP/1.1\r\n\r\na=1&b=2']],
      [['>', 'POST /1 HTTP/1.1\r\nContent-Length: x\r\n\r\na=1&b=2']],
      [['>', `${chunked}10000000000000000\r\n\r\n`]],
      [
        ['>', chunked],
        ['>', 'no chunk\r\n'],
      ],
    ] as Step[][]) {
      assert.deepEqual(
        playEveryWay(http, steps).map((e) => e.request),
        ['POST /1'],
      )
      const fromMiddle = new Transcript(http, { middle: true }).play(steps)
      fromMiddle.parser.expire(timeOf(100))
      assert.equal(fromMiddle.close().length, 1)
    }
  })

  test('a response whose lengths contradict each other, or whose 206 has none, ends with the connection', () => {
    for (const fields of [
      'Content-Length: 2\r\nContent-Length: 3\r\n',
      'Content-Length: -1\r\n',
      'Content-Length: 1x\r\n',
      'Content-Range: bytes 0-2/9\r\n',
      'Content-Type: multipart/byteranges; boundary=x\r\n',
    ]) {
      const transcript = new Transcript(http).play([
        ['>', get('/1')],
        ['<', `HTTP/1.1 206 Part\r\n${fields}\r\n`],
        ['<', '--x\r\n\r\nab\r\n--x--\r\n'],
      ])
      transcript.connection.streams[1].sawFin = true
      assert.deepEqual(lines(transcript.close()), [`GET /1 | ok | 206 | 0-0 | 1-2 | 19/${19 + fields.length + 2 + 18}`])
    }
  })

  test('a final status instead of 100: the client need not send the body, but may', () => {
    for (const asking of [EXPECTING, EXPECTING.replace('Content-Length: 30', 'Transfer-Encoding: chunked')]) {
      conversation(
        [
          ['>', asking],
          ['<', REFUSAL],
          ['>', get('/n')],
          ['<', OK],
        ],
        [
          `POST /u | ok | 417 | 0-0 | 1-1 | ${asking.length}/${REFUSAL.length}`,
          'GET /n | ok | 200 | 2-2 | 3-3 | 19/40',
        ],
      )
    }
    for (const body of [BODY, 'GET /not HTTP/1.1 GET /nor this', '\r\n{"a": "GET / HTTP/1.1"}\r\n\r\n\r\n']) {
      conversation(
        [
          ['>', EXPECTING],
          ['<', REFUSAL],
          ['>', body.slice(0, 30)],
          ['>', get('/n')],
          ['<', OK],
        ],
        ['POST /u | ok | 417 | 0-2 | 1-1 | 92/40', 'GET /n | ok | 200 | 3-3 | 4-4 | 19/40'],
      )
    }
  })

  test('a client that waits for no 100, and one that is asked to go on', () => {
    conversation(
      [
        ['>', EXPECTING + BODY],
        ['<', REFUSAL],
        ['>', EXPECTING],
        ['<', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'],
        ['>', BODY],
        ['<', OK],
        ['>', EXPECTING + BODY.slice(0, 5)],
        ['<', REFUSAL],
        ['>', BODY.slice(5)],
        ['>', get('/n')],
        ['<', OK],
      ],
      [
        'POST /u | ok | 417 | 0-0 | 1-1 | 92/40',
        'POST /u | ok | 200 | 2-4 | 5-5 | 92/92',
        'POST /u | ok | 417 | 6-8 | 7-7 | 92/40',
        'GET /n | ok | 200 | 9-9 | 10-10 | 19/40',
      ],
    )
  })

  test('refused before its body came, then closed: nothing is missing of either', () => {
    conversation(
      [
        ['>', EXPECTING],
        ['<', REFUSAL],
      ],
      ['POST /u | ok | 417 | 0-0 | 1-1 | 62/40'],
    )
  })

  test('an answer before the head is complete', () => {
    const begun = `GET /${'x'.repeat(40)} HTTP/1.1\r\nCookie: a`
    const refusal = 'HTTP/1.1 431 Large\r\nContent-Length: 0\r\n\r\n'
    const transcript = new Transcript(http).play([
      ['>', begun],
      ['<', refusal],
      ['>', 'bc'],
    ])
    transcript.connection.streams[1].sawFin = true
    assert.deepEqual(
      lines(transcript.close()).map((line) => line.replace(/x+/, 'x')),
      [`GET /x | ok | 431 | 0-2 | 1-1 | ${begun.length + 2}/${refusal.length}`],
    )
    conversation(
      [
        ['>', 'POST /1 HTTP/1.1\r\nContent-'],
        ['<', OK],
        ['>', 'Length: 3\r\n\r\nabc'],
        ['>', get('/2')],
        ['<', OK],
      ],
      ['POST /1 | ok | 200 | 0-2 | 1-1 | 42/40', 'GET /2 | ok | 200 | 3-3 | 4-4 | 19/40'],
    )
  })

  test('a URL that is refused for its length, and a head that the connection cut short', () => {
    const transcript = new Transcript(http).play([
      ['>', `GET /${'x'.repeat(20_000)}`],
      ['<', 'HTTP/1.1 414 Long\r\nContent-Length: 0\r\n\r\n'],
    ])
    transcript.connection.streams[1].sawFin = true
    assert.deepEqual(
      transcript.close().map((e) => [e.request.length, e.status, e.statusText, e.times, e.bytes]),
      [[1024, 'ok', '414', [0, 0, 1, 1], [20_005, 40]]],
    )
    conversation(
      [['>', `${get('/1')}GET /2 HTTP/1.1\r\nHost`]],
      ['GET /1 | unanswered | 0-0 | 19/0', 'GET /2 | unanswered | 0-0 | 21/0 | behind 1'],
    )
    const cut = new Transcript(http).play([
      ['>', get('/1')],
      ['<', 'HTTP/1.1 200 OK\r\nContent-L'],
    ])
    cut.connection.streams[1].sawReset = true
    assert.deepEqual(lines(cut.close()), ['GET /1 | error | 200 truncated | 0-0 | 1-1 | 19/26'])
  })

  test('very long heads: the text is cut, and all bytes count', () => {
    const long = `GET /?x=${'a'.repeat(90_000)} HTTP/1.1\r\nCookie: ${'c'.repeat(300_000)}\r\n\r\n`
    const answer = `HTTP/1.1 200 OK\r\nSet-Cookie: ${'c'.repeat(300_000)}\r\nContent-Length: 2\r\n\r\nhi`
    for (const size of [Number.POSITIVE_INFINITY, 1400]) {
      const told = new Transcript(http)
        .play(
          [
            ['>', long],
            ['<', answer],
            ['>', get('/n')],
            ['<', OK],
          ],
          size,
        )
        .close()
      assert.deepEqual(
        told.map((e) => [e.command, e.request.length, e.statusText, e.bytes]),
        [
          ['GET /', 1024, '200', [long.length, answer.length]],
          ['GET /n', 6, '200', [19, 40]],
        ],
      )
    }
  })

  test('a body until the connection closes ends with its last byte', () => {
    const transcript = new Transcript(http)
    transcript.play([
      ['>', get('/')],
      ['<', 'HTTP/1.0 200 OK\r\n\r\nsome'],
      ['<', 'thing'],
    ])
    transcript.connection.streams[1].sawFin = true
    transcript.parser.onClose(timeOf(999))
    assert.deepEqual(lines(transcript.told), ['GET / | ok | 200 | 0-0 | 1-2 | 18/28'])
  })

  for (const [name, upgrade, response] of [
    ['an upgrade', 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', 'HTTP/1.1 101 Switching\r\n\r\n'],
    ['CONNECT', 'CONNECT h:443 HTTP/1.1\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'],
  ] as const) {
    test(`after ${name} nothing more is told`, () => {
      const told = playEveryWay(http, [
        ['>', upgrade],
        ['<', `${response}\x81\x02hi`],
        ['>', get('/not')],
        ['<', OK],
        ['>', 12],
        ['<', 12],
        ['>', get('/not')],
      ])
      assert.equal(told.length, 1)
      assert.deepEqual([told[0]!.status, told[0]!.times, told[0]!.bytes[1]], ['ok', [0, 0, 1, 1], response.length])
    })
  }

  test('a refused CONNECT is an answer like any other', () => {
    conversation(
      [
        ['>', 'CONNECT h:443 HTTP/1.1\r\n\r\n'],
        ['<', 'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n'],
        ['>', get('/')],
        ['<', OK],
      ],
      ['CONNECT h:443 | ok | 407 | 0-0 | 1-1 | 26/38', 'GET / | ok | 200 | 2-2 | 3-3 | 18/40'],
    )
  })

  test('unanswered: at the end, and after patience, when the late answer is told, and is no one else’s', () => {
    conversation(
      [['>', get('/1') + get('/2')]],
      ['GET /1 | unanswered | 0-0 | 19/0', 'GET /2 | unanswered | 0-0 | 19/0 | behind 1'],
    )
    const transcript = new Transcript(http)
    transcript.play([['>', get('/1')]])
    transcript.parser.expire(timeOf(0))
    assert.equal(transcript.told.length, 0)
    transcript.parser.expire(timeOf(1))
    transcript.parser.expire(timeOf(2))
    transcript.play([
      ['>', get('/2')],
      ['<', OK],
      ['<', OK],
    ])
    assert.deepEqual(lines(transcript.close()), [
      'GET /1 | unanswered | 0-0 | 19/0',
      'GET /1 | ok | 200 | 0-0 | 2-2 | 19/40 | late',
      'GET /2 | ok | 200 | 1-1 | 3-3 | 19/40 | behind 1',
    ])
  })

  test('a response that the connection cut short', () => {
    const steps: Step[] = [
      ['>', get('/')],
      ['<', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123'],
    ]
    conversation(steps, ['GET / | unknown | 0-0 | 18/0'])
    const transcript = new Transcript(http).play(steps)
    transcript.connection.streams[1].sawReset = true
    assert.deepEqual(lines(transcript.close()), ['GET / | error | 200 truncated | 0-0 | 1-1 | 18/41'])
  })

  test('server-sent events end when somebody leaves', () => {
    const transcript = new Transcript(http).play([
      ['>', get('/')],
      ['<', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
    ])
    transcript.connection.streams[0].sawFin = true
    assert.match(lines(transcript.close())[0]!, /^GET \/ \| ok \| 200 truncated/)
  })

  test('roles the other way round', () => {
    const steps: Step[] = [
      ['>', get('/')],
      ['<', OK],
    ]
    const transcript = new Transcript(http, { clientDirection: 1 })
    const seen: unknown[] = []
    const onExchange = transcript.onExchange.bind(transcript)
    transcript.onExchange = (e: Exchange) => {
      seen.push([e.client?.port, e.server?.port, e.requestDirection, e.protocol, e.connection])
      onExchange(e)
    }
    assert.equal(transcript.play(steps).close().length, 1)
    assert.deepEqual(seen, [[6379, 40000, 1, 'http', transcript.connection]])
  })
})

describe('HTTP exchanges with gaps', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'

  test('within bodies of known length; not when the last byte is missing', () => {
    conversation(
      [
        ['>', 'POST /1 HTTP/1.1\r\nContent-Length: 10\r\n\r\n'],
        ['>', 8],
        ['>', 'ab'],
        ['<', `${head}abc`],
        ['<', 4],
        ['<', 'xyz'],
        ['>', get('/2')],
        ['<', head],
        ['<', 10],
        ['>', get('/3')],
        ['<', OK],
      ],
      [
        'POST /1 | ok | 200 | 0-2 | 3-5 | 50/49',
        'GET /2 | unknown | 6-6 | 19/0',
        'GET /3 | ok | 200 | 9-9 | 10-10 | 19/40',
      ],
    )
  })

  test('in the head of a request: it is told, as unknown', () => {
    conversation(
      [
        ['>', get('/1')],
        ['<', OK],
        ['>', 'GET /2 HTTP/1.1\r\nHost: a'],
        ['>', 20],
        ['>', 'z\r\n\r\n'],
        ['<', OK],
        ['>', get('/3')],
        ['<', OK],
      ],
      [
        'GET /1 | ok | 200 | 0-0 | 1-1 | 19/40',
        'GET /2 | unknown | 2-2 | 24/0',
        'GET /3 | ok | 200 | 6-6 | 7-7 | 19/40',
      ],
    )
  })

  test('a lost response: only its request is unknown', () => {
    const steps: Step[] = [
      ['>', get('/1')],
      ['<', 100],
    ]
    for (let i = 2; i < 5; i++) steps.push(['>', get(`/${i}`)], ['<', OK])
    conversation(steps, [
      'GET /1 | unknown | 0-0 | 19/0',
      'GET /2 | ok | 200 | 2-2 | 3-3 | 19/40',
      'GET /3 | ok | 200 | 4-4 | 5-5 | 19/40',
      'GET /4 | ok | 200 | 6-6 | 7-7 | 19/40',
    ])
  })

  test('a lost request: those before it keep their answers', () => {
    conversation(
      [
        ['>', get('/1') + get('/2')],
        ['>', 21],
        ['>', get('/4')],
        ['<', OK + OK + OK + OK],
        ['>', get('/5')],
        ['<', OK],
      ],
      [
        'GET /1 | ok | 200 | 0-0 | 3-3 | 19/40',
        'GET /2 | ok | 200 | 0-0 | 3-3 | 19/40 | behind 1',
        'GET /4 | unknown | 2-2 | 19/0 | behind 2',
        'GET /5 | ok | 200 | 4-4 | 5-5 | 19/40',
      ],
    )
  })

  test('a capture that begins in the middle of a pipeline', () => {
    assert.deepEqual(
      lines(
        playEveryWay(
          http,
          [
            ['>', `x-end-of-a-head: y\r\n\r\n${get('/6')}${get('/7')}`],
            ['<', OK.repeat(3)],
            ['>', get('/8')],
            ['<', OK],
          ],
          { middle: true },
        ),
      ),
      [
        'GET /6 | unknown | 0-0 | 19/0',
        'GET /7 | unknown | 0-0 | 19/0 | behind 1',
        'GET /8 | ok | 200 | 2-2 | 3-3 | 19/40',
      ],
    )
  })

  for (const [method, status] of [
    ['PURGE', 'ok'],
    ['propfind', 'ok'],
    ['BREW', 'ok'],
    ['OST', 'unknown'],
    ['xGET', 'unknown'],
  ]) {
    test(`from the middle: ${method} is ${status === 'ok' ? 'a method' : 'perhaps what is left of one'}`, () => {
      const told = playEveryWay(
        http,
        [
          ['>', `${method} /1 HTTP/1.1\r\n\r\n`],
          ['<', OK],
          ['>', `${method} /2 HTTP/1.1\r\n\r\n`, 500],
          ['<', OK, 501],
        ],
        { middle: true },
      )
      assert.deepEqual(
        told.map((e) => [e.command, e.status]),
        [
          [`${method} /1`, status],
          [`${method} /2`, 'ok'],
        ],
      )
    })
  }

  test('from the middle, one request and silence: answered or not', () => {
    const transcript = new Transcript(http, { middle: true })
    transcript.play([
      ['>', get('/1')],
      ['<', OK],
    ])
    transcript.parser.expire(timeOf(1))
    assert.equal(transcript.told.length, 0)
    transcript.parser.expire(timeOf(2))
    transcript.play([['>', get('/2')]])
    transcript.parser.expire(timeOf(3))
    assert.deepEqual(lines(transcript.close()), [
      'GET /1 | ok | 200 | 0-0 | 1-1 | 19/40',
      'GET /2 | unanswered | 2-2 | 19/0',
    ])
  })

  test('requests without any response are bounded', () => {
    const transcript = new Transcript(http)
    transcript.play([['>', get('/').repeat(1000)]])
    assert.ok(transcript.told.length > 700)
    assert.ok(transcript.close().every((e) => e.status === 'unknown' || e.status === 'unanswered'))
    assert.equal(transcript.told.length, 1000)
  })

  test('any bytes: nothing is thrown, cut anywhere the same is told', () => {
    const words = [
      'GET / HTTP/1.1\r\n',
      'HEAD /x HTTP/1.1\n',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 101 \r\n',
      'HTTP/1.1 100 \r\n',
      'HTTP/1.',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '\n',
      '3\r\nabc\r\n',
      '0\r\n',
      '\0',
    ]
    const bytes = fc
      .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { minLength: 1, maxLength: 25 })
      .map((parts) => parts.join('') || ' ')
    const step = fc.tuple(
      fc.constantFrom<'>' | '<'>('>', '<'),
      fc.oneof({ weight: 5, arbitrary: bytes }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, middle) => {
        const told = new Transcript(http, { middle }).play(steps).close()
        assert.deepEqual(new Transcript(http, { middle }).play(steps, 1).close(), told)
      }),
      { seed: 5, numRuns: 2000 },
    )
  })
})

describe('HTTP recognition', () => {
  for (const [text, verdict] of [
    ['GET / HTTP/1.1\r\nHost', RECOGNISED_CLIENT],
    ['\r\nM-SEARCH * HTTP/1.0\n', RECOGNISED_CLIENT],
    ['HTTP/1.1 200\r\n', RECOGNISED_SERVER],
    ['body of some page</html>HTTP/1.1 304 Not Modified\r\n', RECOGNISED_SERVER],
    ['}GET /no HTTP/1.1\r\n', RECOGNISED_NO],
    ['rest of a form\r\nPOST / HTTP/1.1\r\n', RECOGNISED_CLIENT],
    [`GET /${'x'.repeat(507)}`, RECOGNISED_CLIENT],
    ['GE', RECOGNISED_MAYBE],
    ['HTTP/1', RECOGNISED_MAYBE],
    ['\r\n', RECOGNISED_MAYBE],
    ['GET foo\r\n', RECOGNISED_NO],
    ['purge /x HTTP/1.1\r\n', RECOGNISED_CLIENT],
    ['get /x HTTP/1.1', RECOGNISED_MAYBE],
    ['get a b c\r\n', RECOGNISED_NO],
    [`get ${'key '.repeat(120)}`, RECOGNISED_NO],
    [`GET ${'key '.repeat(120)}`, RECOGNISED_MAYBE],
    [`get /${'x'.repeat(507)}`, RECOGNISED_CLIENT],
    ['set k 0 0 5\r\nhello\r\n', RECOGNISED_NO],
    ['USER a b HTTP/1.1\r\n', RECOGNISED_CLIENT],
    ['VERSION=HTTP/1.1\r\n', RECOGNISED_NO],
    ['*1\r\n$4\r\nPING\r\n', RECOGNISED_NO],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', RECOGNISED_NO],
    ['220 example.com HTTP/1.1\r\n', RECOGNISED_NO],
    ['\x16\x03\x01\x02\0', RECOGNISED_NO],
  ] as const) {
    test(JSON.stringify(text.slice(0, 40)), () => {
      const around = Buffer.from(`HTTP/1.1 200 OK\n${text}\r\nGET / HTTP/1.1\r\n`, 'latin1')
      assert.equal(http.recognise(around, 16, 16 + text.length), verdict)
    })
  }
})
