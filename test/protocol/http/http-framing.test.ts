import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { HeldMemory } from '../../../src/protocol/held-bytes.ts'
import { play, type Step } from './http-transcript.ts'

/** Whole, byte by byte and cut in several odd ways, the transcript of each direction is this. */
function assertTold(steps: Step[], toServer: string[], toClient: string[] = []): void {
  for (const cut of [[], [1], [2], [3], [7, 1, 13], [50], [5, 1, 1, 1000]]) {
    const { lines } = play(steps, cut)
    assert.deepEqual(lines[0], toServer, `to server, cut ${cut}`)
    assert.deepEqual(lines[1], toClient, `to client, cut ${cut}`)
  }
}

const GET = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n'
const GET_TOLD = [`head ${GET}`, 'GET /a, none', 'complete (0)']

describe('HTTP framing', () => {
  test('a request and a response with a length', () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nContent-Encoding: gzip\r\n\r\n'
    assertTold(
      [
        ['>', GET],
        ['<', `${head}hello`],
      ],
      GET_TOLD,
      [`head ${head}`, '200 to /a, length 5, gzip', 'body hello', 'complete (5)'],
    )
  })

  test('bare line feeds, blank lines before the start line, no reason phrase', () => {
    const head = 'HTTP/1.0 404\nContent-Length:3\n\n'
    assertTold(
      [
        ['>', '\r\n\nGET / HTTP/1.0\n\n'],
        ['<', `${head}abc\r\n`],
      ],
      ['other \r\n\n', 'head GET / HTTP/1.0\n\n', 'GET /, none', 'complete (0)'],
      [`head ${head}`, '404 to /, length 3', 'body abc', 'complete (3)', 'other \r\n'],
    )
  })

  test('chunks with extensions, upper-case sizes and trailers', () => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 7\r\n\r\n'
    assertTold(
      [
        ['>', GET],
        [
          '<',
          `${head}A;x="y"\r\n0123456789\r\n03 \r\nabc\n0\r\nServer-Timing: x\r\nB: 2\r\n\r\nHTTP/1.1 204 No\r\n\r\n`,
        ],
      ],
      GET_TOLD,
      [
        `head ${head}`,
        '200 to /a, chunked, gzip',
        'body 0123456789abc',
        'trailers Server-Timing: x\r\nB: 2\r\n',
        'complete (13)',
        'head HTTP/1.1 204 No\r\n\r\n',
        '204 to nothing, none',
        'complete (0)',
      ],
    )
  })

  test('pipelined requests, HEAD, interim responses and 304', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
    assertTold(
      [
        ['>', 'HEAD /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\n\r\n'],
        ['<', `${head}HTTP/1.1 100 Continue\r\n\r\n${head}helloHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n`],
      ],
      [
        'head HEAD /1 HTTP/1.1\r\n\r\n',
        'HEAD /1, none',
        'complete (0)',
        'head POST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\n',
        'POST /2, length 2',
        'body hi',
        'complete (2)',
        'head GET /3 HTTP/1.1\r\n\r\n',
        'GET /3, none',
        'complete (0)',
      ],
      [
        `head ${head}`,
        '200 to /1, none',
        'complete (0)',
        'head HTTP/1.1 100 Continue\r\n\r\n',
        '100 to /2, none',
        'complete (0)',
        `head ${head}`,
        '200 to /2, length 5',
        'body hello',
        'complete (5)',
        'head HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n',
        '304 to /3, none',
        'complete (0)',
      ],
    )
  })

  test('a body until the connection closes', () => {
    const head = 'HTTP/1.0 200 OK\r\n\r\n'
    assertTold(
      [
        ['>', GET],
        ['<', `${head}all of HTTP/1.1 200 this\n`],
      ],
      GET_TOLD,
      [`head ${head}`, '200 to /a, until-close', 'body all of HTTP/1.1 200 this\n', 'complete (25)'],
    )
  })

  test('CONNECT: refused, then a tunnel', () => {
    const connect = 'CONNECT h:443 HTTP/1.1\r\n\r\n'
    const refusal = 'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n'
    const told = [`head ${connect}`, 'CONNECT h:443, none', 'complete (0)']
    assertTold(
      [
        ['>', connect],
        ['<', refusal],
        ['>', connect],
        ['<', 'HTTP/1.1 200 Yes\r\n\r\n'],
        ['>', 'GET / HTTP/1.1\r\n\r\n'],
        ['<', '\x16\x03\nHTTP/1.1 200 OK\r\n\r\n'],
      ],
      [...told, ...told, 'other GET / HTTP/1.1\r\n\r\n'],
      [
        `head ${refusal}`,
        '407 to h:443, length 0',
        'complete (0)',
        'head HTTP/1.1 200 Yes\r\n\r\n',
        '200 to h:443, none',
        'complete (0)',
        'other \x16\x03\nHTTP/1.1 200 OK\r\n\r\n',
      ],
    )
  })

  test('an upgrade ends HTTP in both directions', () => {
    assertTold(
      [
        ['>', 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'],
        ['<', 'HTTP/1.1 101 Switching\r\n\r\n\x81\x02hi'],
        ['>', '\x81\x05hello'],
      ],
      ['head GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', 'GET /ws, none', 'complete (0)', 'other \x81\x05hello'],
      ['head HTTP/1.1 101 Switching\r\n\r\n', '101 to /ws, none', 'complete (0)', 'other \x81\x02hi'],
    )
  })

  test('obsolete line folding and repeated fields', () => {
    const head =
      'HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n  2\r\nContent-Length : 2\r\nContent-Encoding: br,\r\n\tGZip\r\n\r\n'
    const { lines, messages } = play([['<', `${head}hi`]])
    assert.deepEqual(lines[1], [`head ${head}`, '200 to nothing, length 2, br, gzip', 'body hi', 'complete (2)'])
    assert.equal(messages[0]?.contentType, '')
  })

  test('media type without parameters, in lower case', () => {
    const { messages } = play([['<', 'HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=x\r\n\r\n']])
    assert.equal(messages[0]?.contentType, 'text/html')
  })

  for (const [name, fields] of [
    ['two lengths that differ', 'Content-Length: 2\r\nContent-Length: 3\r\n'],
    ['a negative length', 'Content-Length: -1\r\n'],
    ['a length past 2^53', 'Content-Length: 9007199254740993\r\n'],
    ['a request that is not chunked at last', 'Transfer-Encoding: chunked, gzip\r\n'],
  ] as const) {
    test(`${name}: the message is lost, the next one found`, () => {
      const { lines } = play([['>', `POST / HTTP/1.1\r\n${fields}\r\nbody\r\n${GET}`]])
      assert.deepEqual(lines[0].slice(2), ['lost (0)', 'other body\r\n', ...GET_TOLD])
    })
  }

  test('a chunk size past 2^53 is no size; nothing is hidden', () => {
    const head = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
    assertTold(
      [['>', `${head}10000000000000000\r\n\r\n${GET}`]],
      [`head ${head}`, 'POST /, chunked', 'lost (0)', 'other 10000000000000000\r\n\r\n', ...GET_TOLD],
    )
  })

  for (const [name, chunks, other] of [
    ['no digits', ';x\r\nabc', ';x\r\nabc'],
    ['junk after the size', '3x\r\nabc', '3x\r\nabc'],
    ['no line end after the data', '3\r\nabcdef', 'def'],
    ['half a line end after the data', '3\r\nabc\rdef', '\rdef'],
    ['an endless size line', `3;${'x'.repeat(5000)}`, `3;${'x'.repeat(5000)}`],
  ] as const) {
    test(`malformed chunks: ${name}`, () => {
      const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
      for (const cut of [[], [1], [3, 1]]) {
        const { lines } = play([['<', head + chunks]], cut)
        assert.equal(lines[1].at(-1), `other ${other}`)
        assert.match(lines[1].at(-2)!, /^lost/)
      }
    })
  }

  test('a head that never ends passes through and is not kept', () => {
    const endless = `GET / HTTP/1.1\r\nX: ${'x'.repeat(300_000)}`
    for (const cut of [[], [1000]]) {
      const memory = new HeldMemory(140_000)
      const { lines, messages } = play([['>', endless]], cut, memory)
      assert.equal(messages.length, 0)
      assert.deepEqual(lines[0], [`head ${endless}`])
      assert.equal(memory.usedBytes, 0)
    }
  })

  test('a head of any length is read to its end: framing fields far behind are obeyed', () => {
    const cookies = `Cookie: ${'c'.repeat(999)}\r\n`.repeat(400)
    for (const [fields, body, framing] of [
      ['Content-Length: 5\r\n', 'hello', 'length 5'],
      ['Transfer-Encoding:\r\n chunked\r\n', '5\r\nhello\r\n0\r\n\r\n', 'chunked'],
      ['content-length:\r\n\t5\r\nX: y\r\n', 'hello', 'length 5'],
      [`X: ${'x'.repeat(5000)}\r\n Content-Length: 3\r\nContent-Length: 5\r\n`, 'hello', 'length 5'],
      [`Content-Encoding: gzip\r\n${cookies}Content-Length: 5\r\n`, 'hello', 'length 5, gzip'],
    ]) {
      const request = `POST /${'u'.repeat(3000)} HTTP/1.1\r\n${cookies}${fields}\r\n`
      const response = `HTTP/1.1 200 OK\r\n${fields}${cookies}\r\n`
      for (const cut of [[], [1000], [65_536], [65_535, 1, 1, 1000], [403_640, 7, 1000]]) {
        const memory = new HeldMemory(140_000)
        const told = play(
          [
            ['>', request + body + GET],
            ['<', response + body],
          ],
          cut,
          memory,
        )
        assert.deepEqual(
          told.messages.map((m) => [m.method, m.target.length, m.status, m.headBytes, m.bodyBytes]),
          [
            ['POST', 1024, 0, request.length, 5],
            ['GET', 2, 0, GET.length, 0],
            ['', 0, 200, response.length, 5],
          ],
        )
        assert.equal(told.lines[0][1]!.split(', ').slice(1).join(', '), framing)
        assert.equal(memory.usedBytes, 0)
      }
    }
  })

  test('endless trailers are bounded', () => {
    const { lines } = play(
      [['<', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'x'.repeat(70_000)}`]],
      [999],
    )
    assert.equal(lines[1].at(-2), 'lost (0)')
    assert.equal(lines[1].at(-1)!.length, 6 + 70_003)
  })

  test('where framers together hold too much, the thread is lost', () => {
    const memory = new HeldMemory(1000)
    const { lines } = play([['>', `GET / HTTP/1.1\r\nX: ${'x'.repeat(5000)}\r\n\r\n`]], [100], memory)
    assert.match(lines[0].at(-1)!, /^other x+\r\n\r\n$/)
    assert.equal(memory.usedBytes, 0)
  })
})

describe('HTTP detection', () => {
  test('what is not HTTP passes, from the first byte on', () => {
    const redis = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n'
    const mail = 'EHLO example.com\r\nDATA\r\nGET lost\r\n'
    const smtp = '220 example.com HTTP/1.1\r\n250 HTTP/1.1 200 OK\r\n'
    assertTold(
      [
        ['>', redis + mail],
        ['<', smtp],
        ['>', 'HTTP/1.1 20'],
      ],
      [`other ${redis}${mail}HTTP/1.1 20`],
      [`other ${smtp}`],
    )
  })

  test('nothing of an unfinished word is kept at the end', () => {
    assertTold([['>', 'QUIT']], ['other QUIT'])
  })

  test('after a preamble, at a line start', () => {
    assertTold(
      [['>', `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${GET}`]],
      ['other PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n', ...GET_TOLD],
    )
  })

  test('once one direction is HTTP, responses are found in mid-line in the other', () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n'
    assertTold(
      [
        ['<', '...the end of a body that began before the capture'],
        ['>', GET],
        ['<', `, HTTP/1.x, HTTP/1.1 2 and more</html>${head}!`],
      ],
      GET_TOLD,
      [
        'other ...the end of a body that began before the capture, HTTP/1.x, HTTP/1.1 2 and more</html>',
        `head ${head}`,
        '200 to /a, length 1',
        'body !',
        'complete (1)',
      ],
    )
  })

  test('after 64 KiB of something else it is no longer looked for, unless the other direction is HTTP', () => {
    const filler = 'x'.repeat(99).concat('\n').repeat(700)
    const late = `${filler}HTTP/1.1 204 OK\r\n\r\n`
    assertTold([['<', late]], [], [`other ${late}`])
    const { lines } = play([
      ['<', filler],
      ['>', GET],
      ['<', 'HTTP/1.1 204 OK\r\n\r\n'],
    ])
    assert.deepEqual(lines[1].slice(1), ['head HTTP/1.1 204 OK\r\n\r\n', '204 to /a, none', 'complete (0)'])
  })

  test('what HTTP/2 opens with, and text that ends in a version, is none of it', () => {
    for (const text of [
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'it speaks HTTP/1.1\r\n',
      'so do we: HTTP/1.1\r\n',
      '220 /mail HTTP/1.1\r\n',
      'a,b /c HTTP/1.1\r\n',
      'say hello, http: HTTP/1.1\r\n',
      'DESCRIBE rtsp://h/x RTSP/1.0\r\n',
      'INVITE sip:a@h SIP/2.0\r\n',
      'get  HTTP/1.1\r\n',
      'get / HTTP/1.\r\n',
      'get / HTTP/1,1\r\n',
      '/ HTTP/1.1\r\n',
      `${'x'.repeat(65)} / HTTP/1.1\r\n`,
    ]) {
      assertTold([['>', text]], [`other ${text}`])
    }
  })

  test('any token is a method', () => {
    for (const [method, target] of [
      ['get', '/'],
      ['PURGE', '/a b'],
      ['M-SEARCH', '*'],
      ['m-search', '*'],
      ['Ban', 'http://h/'],
      ['connect', '[::1]:443'],
      ['Connect', 'h-1.example:443'],
      ["!#$%&'*+-.^_`|~a1", '/'],
      ['X', '/x'],
      ['ab', '/'],
      ['GET', 'k1'],
    ] as const) {
      const head = `${method} ${target} HTTP/1.1\r\n\r\n`
      assertTold([['>', head]], [`head ${head}`, `${method} ${target}, none`, 'complete (0)'])
    }
    assertTold([['>', 'GE P/x HTTP/3.0\r\n\r\n']], ['other GE P/x HTTP/3.0\r\n\r\n'])
    const later = 'GET /x HTTP/3.0\r\n\r\n'
    assertTold([['>', later]], [`head ${later}`, 'GET /x, none', 'complete (0)'])
  })

  test('a start line longer than 16 KiB: its text is cut', () => {
    for (const target of [
      `/${'x'.repeat(17_000)}`,
      `http://h/${'x y'.repeat(30_000)}`,
      `/?q=${'%20'.repeat(100_000)}`,
    ]) {
      const head = `GET ${target} HTTP/1.0\r\nHost: h\r\n\r\n`
      for (const cut of [[], [999], [16_000, 1, 1, 1, 5000], [16_384, 1, 5000], [16_383, 1, 1, 5000]]) {
        const { lines } = play([['>', head + GET]], cut)
        assert.deepEqual(lines[0], [`head ${head}`, `GET ${target.slice(0, 1024)}, none`, 'complete (0)', ...GET_TOLD])
      }
    }
    const reason = `HTTP/1.1 200 ${'x'.repeat(20_000)}\r\nContent-Length: 1\r\n\r\n`
    assert.deepEqual(play([['<', `${reason}a`]], [999]).lines[1].slice(1), [
      '200 to nothing, length 1',
      'body a',
      'complete (1)',
    ])
  })

  test('a line of that length that only begins like one is none', () => {
    for (const line of [`USE ${'x'.repeat(17_000)} HTTP/1.1\r\n`, `get key ${'key '.repeat(5000)}\r\n`]) {
      for (const cut of [[], [100], [16_000, 1]]) assert.deepEqual(play([['>', line]], cut).lines[0], [`other ${line}`])
    }
  })
})

describe('HTTP with gaps', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'

  test('within a body of known length', () => {
    assertTold(
      [
        ['>', GET],
        ['<', `${head}abc`],
        ['<', 4],
        ['<', `xyz${head}`],
        ['<', 10],
        ['<', 'HTTP/1.1 204 OK\r\n\r\n'],
      ],
      GET_TOLD,
      [
        `head ${head}`,
        '200 to /a, length 10',
        'body abc',
        'gap of 4 (capture)',
        'body xyz',
        'complete (6)',
        `head ${head}`,
        '200 to nothing, length 10',
        'gap of 10 (capture)',
        'complete (0)',
        'head HTTP/1.1 204 OK\r\n\r\n',
        '204 to nothing, none',
        'complete (0)',
      ],
    )
  })

  test('past the end of a body: its end is known, what follows is searched', () => {
    assertTold(
      [
        ['<', `${head}abc`],
        ['<', 100],
        ['<', `</html>${head}0123456789`],
      ],
      [],
      [
        `head ${head}`,
        '200 to nothing, length 10',
        'body abc',
        'gap of 7 (capture)',
        'complete (3)',
        'other </html>',
        `head ${head}`,
        '200 to nothing, length 10',
        'body 0123456789',
        'complete (10)',
      ],
    )
  })

  test('in a head, in a start line and in chunk framing', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    assertTold(
      [
        ['<', `${chunked}5\r\nab`],
        ['<', 3],
        ['<', '\r\n5\r\nabcde\r'],
        ['<', 3],
        ['<', 'not a start line\r\nHTTP/1.1 2'],
        ['<', 3],
        ['<', 'HTTP/1.1 200 OK\r\nX:'],
        ['<', 3],
        ['<', `y\r\n\r\n${head}0123456789`],
      ],
      [],
      [
        `head ${chunked}`,
        '200 to nothing, chunked',
        'body ab',
        'gap of 3 (capture)',
        'body abcde',
        'lost (7)',
        'other \rnot a start line\r\nHTTP/1.1 2',
        'head HTTP/1.1 200 OK\r\nX:',
        'other y\r\n\r\n',
        `head ${head}`,
        '200 to nothing, length 10',
        'body 0123456789',
        'complete (10)',
      ],
    )
  })

  test('a lost response does not shift the ones after it', () => {
    const { messages } = play([
      ['>', 'GET /1 HTTP/1.1\r\n\r\n'],
      ['<', 100],
      ['>', 'GET /2 HTTP/1.1\r\n\r\n'],
      ['<', 'HTTP/1.1 204 OK\r\n\r\n'],
      ['>', 'GET /3 HTTP/1.1\r\n\r\n'],
      ['<', 'HTTP/1.1 204 OK\r\n\r\n'],
    ])
    const responses = messages.filter((m) => !m.isRequest)
    assert.deepEqual(
      responses.map((m) => [m.request?.target, m.requestCertain]),
      [
        ['/2', false],
        ['/3', true],
      ],
    )
  })

  test('a close cuts a body of known length short', () => {
    assert.deepEqual(play([['<', `${head}abc`]]).lines[1].at(-1), 'truncated (3)')
  })
})

describe('HTTP framing, any bytes', () => {
  const words = [
    'GET / HTTP/1.1\r\n',
    'HEAD /x HTTP/1.1\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 101 \r\n',
    'HTTP/1.',
    'HTTP',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'CONNECT a:1 HTTP/1.1\r\n\r\n',
    '\r\n',
    '\n',
    '\r',
    '3\r\nabc\r\n',
    '0\r\n',
    ' ',
    'A: b\r\n',
    '\0',
  ]
  const bytes = fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 25 })
    .map((parts) => parts.join(''))
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom('>' as const, '<' as const),
      fc.oneof({ weight: 5, arbitrary: bytes }, { weight: 1, arbitrary: fc.nat(8) }),
    ),
    { maxLength: 8 },
  )

  test('cut anywhere, the same is told, and every byte but chunk framing', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 }), (plan, cut) => {
        const whole = play(plan)
        const pieces = play(plan, cut)
        assert.deepEqual(pieces.lines, whole.lines)
        for (const d of [0, 1] as const) {
          const sent = plan.filter(([arrow, what]) => arrow === '><'[d] && typeof what === 'string')
          const all = sent.map(([, what]) => what).join('')
          if (!/chunked/.test(all)) assert.equal(whole.bytes[d], all)
        }
      }),
      { seed: 5, numRuns: 3000 },
    )
  })

  test('random bytes do not throw', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (parts) => {
        play(parts.map((part, i) => [i % 2 ? '>' : '<', Buffer.from(part)] as const))
      }),
      { seed: 6, numRuns: 300 },
    )
  })
})
