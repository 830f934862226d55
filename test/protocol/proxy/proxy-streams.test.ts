import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Exchange } from '../../../src/core/exchange.ts'
import { type Step, told as toldExchanges } from '../told-exchanges.ts'

const GET = 'GET /p HTTP/1.1\r\nHost: h\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const V1 = 'PROXY TCP4 1.2.3.4 5.6.7.8 111 80\r\n'
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'

/** A header of version 2. */
function v2(command: number, family: number, addresses: string, tlvs = ''): string {
  const length = addresses.length + tlvs.length
  return `${SIGNATURE}${String.fromCharCode(0x20 | command, family, length >> 8, length & 255)}${addresses}${tlvs}`
}

const ADDRESSES_4 = '\x01\x02\x03\x04\x05\x06\x07\x08\x00\x6f\x00\x50'
const ADDRESSES_6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x01${'\0'.repeat(15)}\x02\x9c\x40\x01\xbb`

/** `client protocol request status milliseconds` of each exchange; every step is a millisecond after the one before. */
function told(steps: readonly Step[], size = Number.POSITIVE_INFINITY, middle = false): string[] {
  const line = (e: Exchange): string =>
    `${e.client} ${e.protocol} ${e.command} ${e.status} ${e.requestStart.nanos / 1e6}`
  return toldExchanges(steps, { size, middle, line, around: ['PROXY ', '\r\nGET '] })
}

function clients(lines: readonly string[]): string[] {
  return [...new Set(lines.map((line) => line.split(' ')[0]!))]
}

/** Whole and in pieces, the header in its own segment and before what follows in the same one. */
function assertTold(header: string, steps: readonly Step[], expected: readonly string[]): void {
  const [first, ...rest] = steps
  for (const size of [Number.POSITIVE_INFINITY, 1, 2, 3, 7, 13]) {
    assert.deepEqual(told([['>', header], ...steps], size), expected, `in pieces of ${size}`)
    const joined: Step[] = [['<', ''], ['>', header + first![1]], ...rest]
    assert.deepEqual(told(joined, size), expected, `joined, in pieces of ${size}`)
  }
}

const WEB: readonly Step[] = [
  ['>', GET],
  ['<', OK],
]

describe('PROXY protocol', () => {
  for (const [name, header, client] of [
    ['version 1', V1, '1.2.3.4:111'],
    ['version 1, IPv6', 'PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 40000 443\r\n', '[2001:db8::1]:40000'],
    ['version 1, IPv6 in full', 'PROXY TCP6 1:2:3:4:5:6:7:8 ::1 65535 1\r\n', '[1:2:3:4:5:6:7:8]:65535'],
    ['version 1, IPv6 with a dotted quad', 'PROXY TCP6 ::ffff:1.2.3.4 ::1 5 6\r\n', '[::ffff:102:304]:5'],
    ['version 1, unknown', 'PROXY UNKNOWN\r\n', '10.0.0.1:40000'],
    ['version 1, unknown with addresses', `PROXY UNKNOWN ${'f'.repeat(80)}\r\n`, '10.0.0.1:40000'],
    ['version 2', v2(1, 0x11, ADDRESSES_4), '1.2.3.4:111'],
    ['version 2, IPv6', v2(1, 0x21, ADDRESSES_6), '[2001:db8::1]:40000'],
    [
      'version 2 with TLVs',
      v2(1, 0x11, ADDRESSES_4, `\x03\0\x04abcd${'\x04\x10\0'.padEnd(4099, 'GET ')}`),
      '1.2.3.4:111',
    ],
    ['version 2, local', v2(0, 0, ''), '10.0.0.1:40000'],
    ['version 2, local with addresses', v2(0, 0x11, ADDRESSES_4), '10.0.0.1:40000'],
    ['version 2, unspecified', v2(1, 0, 'abcd'), '10.0.0.1:40000'],
    ['version 2, unix socket', v2(1, 0x31, '/run/a.sock'.padEnd(216, '\0')), '10.0.0.1:40000'],
    ['version 2, too short for its family', v2(1, 0x21, ADDRESSES_4), '10.0.0.1:40000'],
  ] as const) {
    test(name, () => {
      assertTold(header, WEB, [`${client} http GET /p ok 1`])
      assertTold(
        header,
        [
          ['>', '*1\r\n$4\r\nPING\r\n'],
          ['<', '+PONG\r\n'],
        ],
        [`${client} redis PING ok 1`],
      )
      assertTold(
        header,
        [
          ['>', 'get a\r\n'],
          ['<', 'VALUE a 0 1\r\nx\r\nEND\r\n'],
        ],
        [`${client} memcached get ok 1`],
      )
    })
  }

  test('in front of TLS: only the client is known', () => {
    const hello = `\x16\x03\x01\0\x05${'\x01\0\0\x01x'}`
    const lines = told([
      ['>', V1],
      ['>', hello],
      ['<', `\x16\x03\x03\0\x05${'\x02\0\0\x01x'}`],
    ])
    assert.equal(lines.length, 1)
    assert.match(lines[0]!, /^1\.2\.3\.4:111 raw /)
  })

  test('every exchange of the connection has that client', () => {
    assert.deepEqual(told([['>', V1], ...WEB, ...WEB]), [
      '1.2.3.4:111 http GET /p ok 1',
      '1.2.3.4:111 http GET /p ok 3',
    ])
  })

  test('what only begins like a header is the protocol’s, at its own time', () => {
    const web: Step[] = [
      ['>', 'PUT /x HTTP/1.1\r\n\r\n'],
      ['<', OK],
    ]
    for (const size of [Number.POSITIVE_INFINITY, 1, 3]) {
      assert.deepEqual(told(web, size), ['10.0.0.1:40000 http PUT /x ok 0'])
      assert.deepEqual(
        told(
          [
            ['>', '\r\n\r\n'],
            ['>', GET],
            ['<', OK],
          ],
          size,
        ),
        ['10.0.0.1:40000 http GET /p ok 1'],
      )
      assert.deepEqual(
        told(
          [
            ['>', 'PROXY /x HTTP/1.1\r\n\r\n'],
            ['<', OK],
          ],
          size,
        ),
        ['10.0.0.1:40000 http PROXY /x ok 0'],
      )
      for (const other of [`PROXY TCP4 ${'1'.repeat(120)}\r\n`, 'PROXY TCP5 a b 1 2\r\n', `${SIGNATURE}\x31\x11\0\0`]) {
        const lines = told(
          [
            ['>', other],
            ['<', 'what?'],
          ],
          size,
        )
        assert.deepEqual(
          lines.map((line) => line.split(' ').slice(0, 2).join(' ')),
          ['10.0.0.1:40000 raw'],
          other,
        )
      }
    }
  })

  test('a header that is cut off by the end, or by a gap', () => {
    assert.match(told([['>', V1.slice(0, 20)]])[0]!, /^10\.0\.0\.1:40000 raw PROXY/)
    assert.deepEqual(told([['>', v2(1, 0x11, ADDRESSES_4, 'x'.repeat(5000)).slice(0, 400)], ['>', 4628], ...WEB]), [
      '1.2.3.4:111 http GET /p ok 2',
    ])
    assert.deepEqual(told([['>', V1.slice(0, 20)], ['>', 15], ...WEB], 1).length, 1)
  })

  test('met midway, or said by the server: no header', () => {
    assert.deepEqual(
      told(
        [
          ['<', 'hello\r\n'],
          ['>', V1.slice(0, 5)],
          ['<', V1],
        ],
        1,
      ).length > 0,
      true,
    )
    assert.match(
      told([['>', V1], ...WEB, ...WEB, ...WEB, ...WEB, ...WEB], Number.POSITIVE_INFINITY, true).at(-1)!,
      /^1\.2\.3\.4/,
    )
  })

  test('any bytes behind a beginning: nothing is thrown, cut anywhere the client is the same', () => {
    const beginning = fc.constantFrom(
      '',
      'PROXY ',
      V1,
      SIGNATURE,
      v2(1, 0x11, ADDRESSES_4),
      v2(1, 0x31, 'x'.repeat(300)),
    )
    const rest = fc.string({ maxLength: 300, unit: 'binary-ascii' })
    fc.assert(
      fc.property(beginning, rest, fc.nat(320), (start, text, length) => {
        const bytes = (start + text).slice(0, length)
        const steps: Step[] = [['>', bytes], ...WEB]
        assert.deepEqual(clients(told(steps, 1)), clients(told(steps)))
      }),
      { seed: 4, numRuns: 300 },
    )
  })
})
