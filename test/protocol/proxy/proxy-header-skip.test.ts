import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { play } from '../http/http-transcript.ts'

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const ADDRESSES = '\n\0\0\x01\n\0\0\x02\x9c\x40\0\x50'
const REQUEST = 'GET /behind HTTP/1.1\r\nHost: a\r\n\r\n'

function header(addresses: string, extra = ''): string {
  const length = addresses.length + extra.length
  return `${SIGNATURE}\x21\x11${String.fromCharCode(length >> 8, length & 255)}${addresses}${extra}`
}

describe('HTTP directly behind a binary PROXY header', () => {
  const headers = {
    'with addresses': header(ADDRESSES),
    'that names nobody': `${SIGNATURE}\x20\0\0\0`,
    'with more than 256 bytes': header(ADDRESSES, 'GET / HTTP/1.1\n'.repeat(30)),
  }
  for (const [name, bytes] of Object.entries(headers)) {
    for (const cut of [[], [1], [13, 2, 100], [bytes.length]]) {
      test(`${name}, cut into ${cut}`, () => {
        const { lines, messages, bytes: told } = play([['>', bytes + REQUEST]], cut)
        assert.deepEqual(
          messages.map(({ target }) => target),
          ['/behind'],
        )
        assert.equal(told[0], bytes + REQUEST)
        assert.equal(lines[0][0], `other ${bytes}`)
      })
    }
  }

  test('what only begins like one is read as ever', () => {
    for (const beginning of ['\r\n\r\n', '\r\n\r\n\0\r\n', `${SIGNATURE}\n`, '\r\n']) {
      for (const cut of [[], [1]]) {
        const { messages, bytes } = play([['>', beginning + REQUEST]], cut)
        assert.deepEqual(
          messages.map(({ target }) => target),
          ['/behind'],
          JSON.stringify(beginning),
        )
        assert.equal(bytes[0], beginning + REQUEST)
      }
    }
  })
})
