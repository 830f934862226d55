import assert from 'node:assert/strict'
import test from 'node:test'
import {
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
} from '../../../src/protocol/exchange-parser.ts'
import { memcached } from '../../../src/protocol/memcached/memcached.ts'
import { lines, playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'

function conversation(steps: readonly Step[], expected: readonly string[]): void {
  assert.deepEqual(lines(playEveryWay(memcached, steps)), expected)
}

test('each command of the text protocol and its answers', () => {
  const rows: readonly (readonly [string, string, string, string, string])[] = [
    ['get a\r\n', 'VALUE a 0 3\r\nabc\r\nEND\r\n', 'get', 'a', 'ok VALUE'],
    ['get a\r\n', 'END\r\n', 'get', 'a', 'ok END'],
    ['gets a b c\r\n', 'VALUE a 0 2 17\r\n\r\n\r\nVALUE c 5 5 18\r\nEND\r\n\r\nEND\r\n', 'gets', 'a', 'ok VALUE'],
    ['gat 100 a\r\n', 'VALUE a 0 0\r\n\r\nEND\r\n', 'gat', 'a', 'ok VALUE'],
    ['set a 0 0 3\r\nabc\r\n', 'STORED\r\n', 'set', 'a', 'ok STORED'],
    ['add a 0 0 0\r\n\r\n', 'NOT_STORED\r\n', 'add', 'a', 'ok NOT_STORED'],
    ['cas a 0 0 5 17\r\nEND\r\n\r\n', 'EXISTS\r\n', 'cas', 'a', 'ok EXISTS'],
    [
      'append a 0 0 1\r\nx\r\n',
      'SERVER_ERROR out of memory storing object\r\n',
      'append',
      'a',
      'error SERVER_ERROR out of memory storing object',
    ],
    ['delete a\r\n', 'DELETED\r\n', 'delete', 'a', 'ok DELETED'],
    ['incr n 5\r\n', '12\r\n', 'incr', 'n', 'ok '],
    ['decr n 5\r\n', 'NOT_FOUND\r\n', 'decr', 'n', 'ok NOT_FOUND'],
    [
      'incr n x\r\n',
      'CLIENT_ERROR invalid numeric delta argument\r\n',
      'incr',
      'n',
      'error CLIENT_ERROR invalid numeric delta argument',
    ],
    ['touch a 10\r\n', 'TOUCHED\r\n', 'touch', 'a', 'ok TOUCHED'],
    ['flush_all 10\r\n', 'OK\r\n', 'flush_all', '', 'ok OK'],
    ['version\r\n', 'VERSION 1.6.18\r\n', 'version', '', 'ok VERSION'],
    ['verbosity 1\r\n', 'OK\r\n', 'verbosity', '', 'ok OK'],
    ['stats\r\n', 'STAT pid 1\r\nSTAT version 1.6\r\nEND\r\n', 'stats', '', 'ok STAT'],
    ['stats reset\r\n', 'RESET\r\n', 'stats', '', 'ok RESET'],
    ['stats items\r\n', 'END\r\n', 'stats', '', 'ok END'],
    [
      'lru_crawler metadump all\r\n',
      'key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=63\r\nEND\r\n',
      'lru_crawler',
      '',
      'ok ',
    ],
    [
      'config get cluster\r\n',
      'CONFIG cluster 0 16\r\n1\na.b|10.0.0.1|1\n\r\n\r\nEND\r\n'.replace('16', '17'),
      'config',
      '',
      'ok CONFIG',
    ],
    ['whatever you say\r\n', 'ERROR\r\n', 'whatever', '', 'error ERROR'],
    ['mg a v t\r\n', 'VA 2 t-1\r\nhi\r\n', 'mg', 'a', 'ok VA'],
    ['mg a\r\n', 'EN\r\n', 'mg', 'a', 'ok EN'],
    ['mg a s v O12 k\r\n', 'VA 2 s2 O12 ka\r\nhi\r\n', 'mg', 'a', 'ok VA'],
    ['ms a 2 T90\r\nhi\r\n', 'HD\r\n', 'ms', 'a', 'ok HD'],
    ['ms a 2\r\nhi\r\n', 'NS\r\n', 'ms', 'a', 'ok NS'],
    ['md a\r\n', 'NF\r\n', 'md', 'a', 'ok NF'],
    ['ma n N0 v\r\n', 'VA 1\r\n0\r\n', 'ma', 'n', 'ok VA'],
    ['me a\r\n', 'ME a exp=-1 la=2 cas=1 fetch=no cls=1 size=63\r\n', 'me', 'a', 'ok ME'],
    ['mn\r\n', 'MN\r\n', 'mn', '', 'ok MN'],
  ]
  for (const [request, reply, command, key, outcome] of rows) {
    const steps: Step[] = [
      ['>', request + request],
      ['<', reply],
      ['<', reply],
    ]
    const told = playEveryWay(memcached, steps)
    const line = request.slice(0, request.indexOf('\r\n'))
    const expected = [line, command, key, outcome, [request.length, reply.length]]
    const is = told.map((e) => [e.request, e.command, e.key, `${e.status} ${e.statusText}`, e.bytes])
    assert.deepEqual(is, [expected, expected])
    assert.deepEqual(
      told.map((e) => [...e.times, e.ahead].join()),
      ['0,0,1,1,0', '0,0,2,2,1'],
    )
  }
})

test('noreply: told, without an answer', () => {
  conversation(
    [
      ['>', 'set a 0 0 1 noreply\r\n1\r\ndelete b noreply\r\nget a\r\n'],
      ['<', 'VALUE a 0 1\r\n1\r\nEND\r\n'],
      ['>', 'get noreply\r\ntouch c 0 noreply\r\n'],
      ['<', 'END\r\n'],
    ],
    [
      'set a 0 0 1 noreply | silent | 0-0 | 24/0',
      'delete b noreply | silent | 0-0 | 18/0',
      'get a | ok | VALUE | 0-0 | 1-1 | 7/21',
      'touch c 0 noreply | silent | 2-2 | 19/0 | behind 1',
      'get noreply | ok | END | 2-2 | 3-3 | 13/5',
    ],
  )
})

test('an error that noreply cannot keep away is nobody else’s', () => {
  const told = playEveryWay(memcached, [
    ['>', 'set a 0 0 1 noreply\r\n1\r\nget b\r\n'],
    ['<', 'SERVER_ERROR out of memory storing object\r\n'],
    ['<', 'END\r\n'],
  ])
  assert.deepEqual(
    told.map((e) => `${e.command} ${e.status}`),
    ['set silent', 'get unknown'],
  )
  conversation(
    [
      ['>', 'set a 0 0 1 noreply\r\n1\r\n'],
      ['<', 'SERVER_ERROR out of memory storing object\r\n'],
      ['>', 'get b\r\n'],
      ['<', 'END\r\n'],
    ],
    ['set a 0 0 1 noreply | silent | 0-0 | 24/0', 'get b | ok | END | 2-2 | 3-3 | 7/5'],
  )
})

test('quiet meta commands: an answer is whose opaque or key it names, the others were silent', () => {
  conversation(
    [
      ['>', 'mg a v q O1\r\nmg b v q O2\r\nmg c v q k\r\nmg d v q k\r\nmn\r\n'],
      ['<', 'VA 1 O2\r\nB\r\n'],
      ['<', 'VA 1 kd\r\nD\r\nMN\r\n'],
    ],
    [
      'mg a v q O1 | silent | 0-0 | 13/0',
      'mg b v q O2 | ok | VA | 0-0 | 1-1 | 13/12 | behind 1',
      'mg c v q k | silent | 0-0 | 12/0 | behind 2',
      'mg d v q k | ok | VA | 0-0 | 2-2 | 12/12 | behind 3',
      'mn | ok | MN | 0-0 | 2-2 | 4/4 | behind 4',
    ],
  )
})

test('quiet meta commands: with one candidate it is that one, with several nobody', () => {
  conversation(
    [
      ['>', 'ms a 1 q\r\n1\r\nmn\r\n'],
      ['<', 'NS\r\nMN\r\n'],
      ['>', 'mg a v q\r\nmg b v q\r\nmn\r\n'],
      ['<', 'VA 1\r\n1\r\nMN\r\n'],
      ['>', 'mg a v q\r\nmg b v q\r\nmn\r\n'],
      ['<', 'MN\r\n'],
    ],
    [
      'ms a 1 q | ok | NS | 0-0 | 1-1 | 13/4',
      'mn | ok | MN | 0-0 | 1-1 | 4/4 | behind 1',
      'mg a v q | unknown | 2-2 | 10/0',
      'mg b v q | unknown | 2-2 | 10/0 | behind 1',
      'mn | ok | MN | 2-2 | 3-3 | 4/4 | behind 2',
      'mg a v q | silent | 4-4 | 10/0',
      'mg b v q | silent | 4-4 | 10/0 | behind 1',
      'mn | ok | MN | 4-4 | 5-5 | 4/4 | behind 2',
    ],
  )
})

test('at the end: unanswered, silent, unknown; and watch, which prints for ever', () => {
  conversation(
    [['>', 'get a\r\nmg b q\r\nquit\r\n']],
    [
      'quit | silent | 0-0 | 6/0 | behind 2',
      'get a | unanswered | 0-0 | 7/0',
      'mg b q | silent | 0-0 | 8/0 | behind 1',
    ],
  )
  conversation(
    [
      ['>', 'get a\r\n'],
      ['<', 'VALUE a 0 5\r\nab'],
    ],
    ['get a | unknown | 0-0 | 7/0'],
  )
  conversation(
    [
      ['>', 'watch mutations\r\n'],
      ['<', 'OK\r\nts=1 gid=1 type=item_store\r\n'],
    ],
    ['watch mutations | ok | OK | 0-0 | 1-1 | 17/4'],
  )
})

test('patience', () => {
  const transcript = new Transcript(memcached).play([
    ['>', 'mg q q\r\nmg r q\r\n'],
    ['>', 'get a\r\n'],
    ['<', 'END\r\n'],
    ['>', 'get b\r\n'],
    ['>', 'get c\r\n'],
  ])
  transcript.parser.expire(timeOf(4))
  transcript.play([['<', 'END\r\nEND\r\n']])
  // The late answer to b could as well be news of the quiet one.
  transcript.play([['>', 'mg d q\r\nget e\r\n']])
  transcript.parser.expire(timeOf(20))
  transcript.play([
    ['<', 'HD\r\n'],
    ['>', 'get f\r\n'],
    ['<', 'END\r\n'],
  ])
  assert.deepEqual(lines(transcript.close()), [
    'mg q q | silent | 0-0 | 8/0',
    'mg r q | silent | 0-0 | 8/0 | behind 1',
    'get a | ok | END | 1-1 | 2-2 | 7/5 | behind 2',
    'get b | unanswered | 3-3 | 7/0',
    'get b | ok | END | 3-3 | 5-5 | 7/5 | late',
    'get c | ok | END | 4-4 | 5-5 | 7/5 | behind 1',
    'mg d q | silent | 6-6 | 8/0',
    'get e | unanswered | 6-6 | 7/0 | behind 1',
    'get f | unknown | 8-8 | 7/0',
  ])
})

test('a value of any size, and text of any length, cost nothing', () => {
  const transcript = new Transcript(memcached)
  const megabyte = Buffer.alloc(1 << 20, 'END\r\n')
  transcript.play([
    ['>', `get ${'k'.repeat(3000)} ${'l'.repeat(3000)}\r\n`],
    ['<', `VALUE ${'k'.repeat(250)} 0 ${300 * megabyte.length}\r\n`],
  ])
  for (let i = 0; i < 300; i++) transcript.parser.onData(1, megabyte, 0, megabyte.length, timeOf(2))
  transcript.play([['<', '\r\nEND\r\n']])
  const [told] = transcript.close()
  assert.deepEqual([told!.status, told!.request.length, told!.key.length], ['ok', 1024, 256])
  assert.deepEqual(told!.bytes, [6007, 300 * megabyte.length + 270 + 7])
})

test('recognition', () => {
  const header = (magic: number, opcode: number, key = 0, body = key) =>
    String.fromCharCode(magic, opcode, 0, key, 0, 0, 0, 0, 0, 0, 0, body) + '\0'.repeat(12)
  const rows: readonly (readonly [string, number])[] = [
    ['get a\r\n', RECOGNISED_LIKELY_CLIENT],
    ['get a b c\r\n', RECOGNISED_LIKELY_CLIENT],
    ['gets a b c\r\n', RECOGNISED_CLIENT],
    ['get a', RECOGNISED_MAYBE],
    ['ge', RECOGNISED_MAYBE],
    ['GET / HTTP/1.1\r\n', RECOGNISED_NO],
    ['set a 0 0 3\r\nabc\r\n', RECOGNISED_CLIENT],
    ['set a 0 0 3 noreply\r\n', RECOGNISED_CLIENT],
    ['set a b\r\n', RECOGNISED_NO],
    ['mg a v\r\n', RECOGNISED_CLIENT],
    ['mn\r\n', RECOGNISED_CLIENT],
    ['quit\r\n', RECOGNISED_MAYBE],
    ['quite\r\n', RECOGNISED_NO],
    ['VALUE a 0 3\r\nabc\r\n', RECOGNISED_SERVER],
    ['END\r\n', RECOGNISED_SERVER],
    ['END\r\nEND\r\nENDS\r\n', RECOGNISED_MAYBE],
    ['STORED\r\n', RECOGNISED_SERVER],
    ['HD O1\r\n', RECOGNISED_SERVER],
    ['tail of a value\r\nEND\r\nVALUE b 0 1\r\n', RECOGNISED_SERVER],
    ['tail of data\r\nset b 0 0 3\r\n', RECOGNISED_LIKELY_CLIENT],
    [header(0x80, 0x00, 5), RECOGNISED_CLIENT],
    [header(0x81, 0x0a), RECOGNISED_SERVER],
    [header(0x80, 0x00, 5, 3), RECOGNISED_NO],
    [header(0x80, 0x99, 5), RECOGNISED_NO],
    ['\x80\x01', RECOGNISED_MAYBE],
    ['*1\r\n$4\r\nPING\r\n', RECOGNISED_NO],
    ['+OK\r\n', RECOGNISED_NO],
    ['\x16\x03\x01\x02\x00', RECOGNISED_NO],
  ]
  const name = ['no', 'maybe', 'client', 'server', 'likely a client', 'likely a server']
  for (const [text, expected] of rows) {
    const bytes = Buffer.from(`xx${text}\r\nget a\r\n`, 'latin1')
    assert.equal(name[memcached.recognise(bytes, 2, 2 + text.length)], name[expected], JSON.stringify(text))
  }
})
