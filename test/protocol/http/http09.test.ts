import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Options, type Step, told } from '../told-exchanges.ts'

const ASK: Step = ['>', 'GET /a?b=c\r\n']

describe('HTTP/0.9', () => {
  test('a line, and bytes until the connection closes', () => {
    for (const size of [1e9, 1, 3]) {
      for (const port of [9999, 80, 6379]) {
        const page: Step[] = [ASK, ['<', '<html>\r\n'], ['<', 'hello\r\n</html>']]
        assert.deepEqual(told(page, { size, port }), ['http GET /a?b=c ok HTTP/0.9 0-2 12/22'])
      }
    }
    assert.deepEqual(
      told([
        ['>', 'GET /\n'],
        ['<', 'plain text'],
      ]),
      ['http GET / ok HTTP/0.9 0-1 6/10'],
    )
    assert.deepEqual(
      told([
        ['>', 'GET /\r\n\r\n'],
        ['<', '\0\x01\x02'],
      ]),
      ['http GET / ok HTTP/0.9 0-1 7/3'],
    )
  })

  test('answered in a later version, cut short, with a gap, or not at all', () => {
    const refusal = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'
    for (const size of [1e9, 1]) {
      assert.deepEqual(told([ASK, ['<', refusal]], { size }), [`http GET /a?b=c ok 400 0-1 12/${refusal.length}`])
    }
    assert.deepEqual(told([ASK, ['<', '<html>']], { why: 'reset' }), ['http GET /a?b=c error HTTP/0.9 0-1 12/6'])
    assert.deepEqual(told([ASK, ['<', '<html>']], { why: 'capture-ended' }), ['http GET /a?b=c unknown  0-- 12/0'])
    assert.deepEqual(told([ASK, ['<', '<p>hello, world'], ['<', 100], ['<', 'x']]), [
      'http GET /a?b=c ok HTTP/0.9 0-3 12/116',
    ])
    const long = `GET /${'x'.repeat(200)}\r\n`
    assert.deepEqual(
      told([
        ['>', long],
        ['<', '<p>'],
      ]),
      [`http ${long.trimEnd()} ok HTTP/0.9 0-1 207/3`],
    )
  })

  test('the answer decides: Redis', () => {
    for (const size of [1e9, 1]) {
      const [get] = told(
        [
          ['>', 'GET /key\r\n'],
          ['<', '$5\r\nvalue\r\n'],
        ],
        { size },
      )
      assert.match(get!, /^redis GET \/key ok/i)
      assert.match(
        told(
          [
            ['>', 'GET /key\r\n'],
            ['<', '$-1\r\n'],
          ],
          { size },
        )[0]!,
        /^redis GET \/key ok/i,
      )
    }
  })

  test('what is none of it', () => {
    const is = (protocol: string, steps: readonly Step[], options?: Options) => {
      assert.deepEqual([...new Set(told(steps, options).map((line) => line.split(' ')[0]))], [protocol])
    }
    is('raw', [
      ['<', '220 mail\r\n'],
      ['>', 'EHLO a\r\n'],
      ['<', '250 b\r\n'],
    ])
    is('raw', [
      ['<', 'hello'],
      ['>', 'GET /a\r\nX: y\r\n'],
      ['<', 'what'],
    ])
    is('http', [
      ['>', 'GET /a HTTP/1.1\r\n\r\n'],
      ['<', 'HTTP/1.1 204 No\r\n\r\n'],
    ])
  })
})
