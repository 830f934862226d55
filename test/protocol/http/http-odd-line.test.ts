import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchOddRequestLine, matchOddStatusLine } from '../../../src/protocol/http/http-odd-line.ts'
import { MORE_NEEDED, NO_MATCH } from '../../../src/protocol/http/http-start-line.ts'
import { told } from '../told-exchanges.ts'

const FIELDS = 'Host: a\r\n\r\n'
const REFUSED = 'HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n'

/** Start line → the request as it is told, and its bytes. */
const ODD_LINES: readonly (readonly [string, string])[] = [
  ['POST /HTTP/1.1', 'POST /HTTP/1.1'],
  ['GET / HTTP/1.', 'GET /'],
  ['GET / HTTP/', 'GET /'],
  ['GET / http/1.1', 'GET /'],
  ['get / HTTP/1.1', 'get /'],
  ['GET  /two HTTP/1.1', 'GET /two'],
  ['GET\t/tab HTTP/1.1', 'GET /tab'],
  ['GET /tab\tHTTP/1.1', 'GET /tab'],
  ['OPTIONS HTTP/1.1', 'OPTIONS HTTP/1.1'],
  ['HEAD /no-version', 'HEAD /no-version'],
  ['CCM_POST /HTTP/1.1', 'CCM_POST /HTTP/1.1'],
  ['GET /a\x01b HTTP/1.1', 'GET /a\x01b'],
  ['GET /no-version', 'GET /no-version'],
]

describe('odd start lines', () => {
  for (const [line, request] of ODD_LINES) {
    test(JSON.stringify(line), () => {
      const bytes = line.length + 2 + FIELDS.length
      const exchange = `http ${request} ok 400 0-1 ${bytes}/${REFUSED.length}`
      for (const size of [1, 7, 1e9]) {
        assert.deepEqual(
          told(
            [
              ['>', `${line}\r\n${FIELDS}`],
              ['<', REFUSED],
            ],
            { size },
          ),
          [exchange],
        )
        // and behind another one, on the same connection
        const first = told(
          [
            ['>', `GET /1 HTTP/1.1\r\n${FIELDS}`],
            ['<', REFUSED],
            ['>', `${line}\r\n${FIELDS}`],
            ['<', REFUSED],
          ],
          { size },
        )
        assert.deepEqual(first.slice(1), [exchange.replace('0-1', '2-3')])
      }
    })
  }

  test('a request whose line ends the request is told with the status that refuses it', () => {
    assert.deepEqual(
      told([
        ['>', 'GET /x\r\n'],
        ['<', REFUSED],
      ]),
      [`http GET /x ok 400 0-1 8/${REFUSED.length}`],
    )
  })

  test('unanswered ones are told where HTTP is usual, and are what was said elsewhere', () => {
    assert.deepEqual(told([['>', `POST /HTTP/1.1\r\n${FIELDS}`]], { port: 80 }), [
      `http POST /HTTP/1.1 unanswered  0-- ${16 + FIELDS.length}/0`,
    ])
    assert.match(told([['>', `POST /HTTP/1.1\r\n${FIELDS}`]])[0]!, /^raw /)
  })

  test('a status line of any version is an answer', () => {
    for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/1', 'http/1.1', 'HTTP/1.1 ']) {
      const answer = `${version} 503 Busy\r\nContent-Length: 0\r\n\r\n`
      for (const size of [1, 1e9])
        assert.deepEqual(
          told(
            [
              ['>', `GET / HTTP/1.1\r\n${FIELDS}`],
              ['<', answer],
            ],
            { size },
          ),
          [`http GET / error 503 0-1 27/${answer.length}`],
        )
    }
  })

  test('what other protocols say is none', () => {
    const lines = [
      'GET foo',
      'set user 1',
      'GET',
      'EHLO example.com',
      'OPTIONS * SIP/2.0',
      'DESCRIBE rtsp://a/b RTSP/1.0',
    ]
    for (const line of [...lines, 'PRI * HTTP/2.0', 'it speaks HTTP', 'X /']) {
      const buf = Buffer.from(`${line}\r\n`)
      assert.equal(matchOddRequestLine(buf, 0, buf.length, 0), NO_MATCH, line)
    }
    for (const line of ['HTTP/1.1 OK', 'HTTP/1.1 2000', 'HTTP/x 200', 'HTTP 200', 'ICY 200 OK']) {
      const buf = Buffer.from(`${line}\r\n`)
      assert.equal(matchOddStatusLine(buf, 0, buf.length), NO_MATCH, line)
    }
  })

  test('what is cut off may become one', () => {
    const line = Buffer.from('GET\t/a/path\r\n')
    for (let end = 1; end < line.length; end++) assert.equal(matchOddRequestLine(line, 0, end, 0), MORE_NEEDED)
    const status = Buffer.from('HTTP/2.0  200 OK\r\n')
    for (let end = 1; end < status.length; end++) assert.equal(matchOddStatusLine(status, 0, end), MORE_NEEDED)
  })
})

describe('HTTP/0.9 with a long target', () => {
  for (const bytes of [255, 256, 300, 512, 513, 5000, 20_000]) {
    const path = `/${'x'.repeat(bytes - 5)}`
    const request = `GET ${path}`.slice(0, 1024)
    for (const size of [100, 1e9]) {
      test(`${bytes} bytes, in pieces of ${size}`, () => {
        const [line, ...more] = told(
          [
            ['>', `GET ${path}\r\n`],
            ['<', '<html>'],
            ['<', '</html>'],
          ],
          { size },
        )
        assert.deepEqual(more, [])
        assert.equal(line, `http ${request} ok HTTP/0.9 0-2 ${bytes + 2}/13`)
      })
    }
  }
})
