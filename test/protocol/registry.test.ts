import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  errorCodeOf,
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_SERVER,
} from '../../src/protocol/exchange-parser.ts'
import { AUTO, PROTOCOL_NAMES, RAW } from '../../src/protocol/names.ts'
import { EXCHANGE_PROTOCOLS } from '../../src/protocol/registry.ts'
import { answer, framed, query } from './dns/dns-builder.ts'

/** Beginnings, and whose they are. */
const BEGINNINGS: readonly (readonly [string, string | Buffer, number])[] = [
  ['http', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', RECOGNISED_CLIENT],
  ['http', 'GET /a?b=*3 HTTP/1.0\r\n\r\n', RECOGNISED_CLIENT],
  ['http', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', RECOGNISED_SERVER],
  ['redis', '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n', RECOGNISED_LIKELY_CLIENT],
  ['redis', '*1\r\n$7\r\nCOMMAND\r\n', RECOGNISED_LIKELY_CLIENT],
  ['memcached', 'get foo bar\r\n', RECOGNISED_LIKELY_CLIENT],
  ['memcached', 'set foo 0 0 3\r\nbar\r\n', RECOGNISED_CLIENT],
  ['memcached', 'VALUE foo 0 3\r\nbar\r\nEND\r\n', RECOGNISED_SERVER],
  ['dns', framed(query()), RECOGNISED_CLIENT],
  ['dns', framed(answer({ answers: 2, edns: 0 })), RECOGNISED_SERVER],
]

describe('each protocol recognises its own and nothing of the others', () => {
  for (const [owner, text, expected] of BEGINNINGS) {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
    test(JSON.stringify(bytes.toString('latin1', 0, 24)), () => {
      for (const protocol of EXCHANGE_PROTOCOLS) {
        const verdict = protocol.recognise(bytes, 0, bytes.length)
        if (protocol.name === owner) assert.equal(verdict, expected)
        else assert.ok(verdict <= RECOGNISED_MAYBE, protocol.name)
      }
    })
  }

  for (const foreign of [
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'J\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00',
    '220 mail.example.com ESMTP\r\n',
    'EHLO example.com\r\n',
    '\x00\x00\x00\x08\x04\xd2\x16\x2f',
  ]) {
    test(`none: ${JSON.stringify(foreign.slice(0, 20))}`, () => {
      const bytes = Buffer.from(foreign, 'latin1')
      for (const protocol of EXCHANGE_PROTOCOLS) {
        const verdict = protocol.recognise(bytes, 0, bytes.length)
        assert.ok(verdict !== RECOGNISED_CLIENT && verdict !== RECOGNISED_SERVER, protocol.name)
      }
    })
  }
})

test('each name that is offered is a protocol of that name, and the other way round', () => {
  assert.deepEqual(EXCHANGE_PROTOCOLS.map(({ name }) => name).sort(), [...PROTOCOL_NAMES].sort())
  for (const { name } of EXCHANGE_PROTOCOLS) assert.ok(name !== RAW && name !== AUTO)
})

test('what failures of one sort have in common', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['http', '503', '503'],
    ['http', '200 truncated', '200'],
    ['http', 'HTTP/0.9', ''],
    ['http', 'answer is no HTTP/1', ''],
    ['redis', '-WRONGTYPE Operation against a key holding the wrong kind of value', 'WRONGTYPE'],
    ['redis', '-ERR', 'ERR'],
    ['redis', '', ''],
    ['memcached', 'CLIENT_ERROR bad data chunk', 'CLIENT_ERROR'],
    ['memcached', 'ERROR', 'ERROR'],
    ['dns', 'NXDOMAIN', 'NXDOMAIN'],
    ['dns', 'SERVFAIL TC', 'SERVFAIL'],
    ['raw', '', ''],
  ]
  for (const [name, statusText, code] of cases) {
    const protocol = EXCHANGE_PROTOCOLS.find((each) => each.name === name)
    assert.equal(errorCodeOf(protocol, statusText), code)
  }
})
