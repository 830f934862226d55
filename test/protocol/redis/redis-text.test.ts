import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  RECOGNISED_CLIENT,
  RECOGNISED_LIKELY_CLIENT,
  RECOGNISED_LIKELY_SERVER,
  RECOGNISED_MAYBE,
  RECOGNISED_NO,
  RECOGNISED_SERVER,
  SIDE_CLIENT,
  SIDE_SERVER,
} from '../../../src/protocol/exchange-parser.ts'
import { redis } from '../../../src/protocol/redis/redis.ts'
import { playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'

function ask(...words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = Buffer.from(word as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

test('command and key, by command', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['get foo', 'GET', 'foo'],
    ['MSET a 1 b 2', 'MSET', 'a'],
    ['PING', 'PING', ''],
    ['ECHO text', 'ECHO', ''],
    ['CONFIG GET maxmemory', 'CONFIG GET', ''],
    ['client setname me', 'CLIENT SETNAME', ''],
    ['CLIENT NO-EVICT on', 'CLIENT NO-EVICT', ''],
    ['OBJECT ENCODING foo', 'OBJECT ENCODING', 'foo'],
    ['MEMORY USAGE foo', 'MEMORY USAGE', 'foo'],
    ['XGROUP CREATE s g $', 'XGROUP CREATE', 's'],
    ['COMMAND', 'COMMAND', ''],
    ['EVAL script 2 k1 k2 arg', 'EVAL', 'k1'],
    ['EVAL script 0 arg', 'EVAL', ''],
    ['EVALSHA sha 1 k1', 'EVALSHA', 'k1'],
    ['FCALL f 1 k1', 'FCALL', 'k1'],
    ['ZUNION 2 z1 z2', 'ZUNION', 'z1'],
    ['BLMPOP 0 2 l1 l2 LEFT', 'BLMPOP', 'l1'],
    ['BITOP AND dest a b', 'BITOP', 'dest'],
    ['XREAD COUNT 2 STREAMS s1 s2 0 0', 'XREAD', 's1'],
    ['xreadgroup GROUP g c streams s1 >', 'XREADGROUP', 's1'],
    ['MIGRATE host 6379 foo 0 100', 'MIGRATE', 'foo'],
    ['JSON.GET doc $', 'JSON.GET', 'doc'],
    ['ft.search idx *', 'FT.SEARCH', 'idx'],
    ['SUBSCRIBE news', 'SUBSCRIBE', 'news'],
    ['PUBLISH news hi', 'PUBLISH', 'news'],
    ['SCAN 0', 'SCAN', ''],
  ]
  for (const [line, command, key] of rows) {
    const [told] = playEveryWay(redis, [['>', ask(...line.split(' '))]])
    assert.deepEqual([told!.request, told!.command, told!.key], [line, command, key], line)
  }
})

test('what nobody should read', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['AUTH secret', 'AUTH (redacted)'],
    ['AUTH user secret', 'AUTH (redacted)'],
    ['hello 3 auth user secret SETNAME me', 'hello 3 auth (redacted) (redacted) SETNAME me'],
    ['CONFIG SET requirepass secret', 'CONFIG SET requirepass (redacted)'],
    ['config set maxmemory 1 masterauth secret', 'config set maxmemory 1 masterauth (redacted)'],
    ['ACL SETUSER alice on >secret ~*', 'ACL SETUSER alice (redacted)'],
    ['MIGRATE host 6379 foo 0 100 AUTH secret KEYS', 'MIGRATE host 6379 foo 0 100 AUTH (redacted) KEYS'],
    ['MIGRATE host 6379 foo 0 100 AUTH2 user secret', 'MIGRATE host 6379 foo 0 100 AUTH2 (redacted) (redacted)'],
  ]
  for (const [line, request] of rows) {
    const told = playEveryWay(redis, [['>', ask(...line.split(' '))]])
    assert.equal(told[0]!.request, request)
    assert.ok(!JSON.stringify(told).includes('secret'))
  }
  assert.equal(playEveryWay(redis, [['>', 'AUTH "two words"\r\n']])[0]!.request, 'AUTH (redacted)')
})

test('what is behind a blocking command in its pipeline waits with it, and only that', () => {
  const get = ask('GET', 'a')
  const steps: Step[] = [
    ['>', Buffer.concat([ask('BLPOP', 'l', '0'), get, get])],
    ['<', '*2\r\n$1\r\nl\r\n$1\r\nx\r\n'],
    ['>', get],
    ['<', '$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n'],
  ]
  const told = playEveryWay(redis, steps)
  assert.deepEqual(
    told.map((e) => e.blocking),
    [true, true, true, false],
  )
})

test('behind a blocking command that was given up', () => {
  const transcript = new Transcript(redis)
  transcript.play([['>', ask('BLPOP', 'l', '0.005')]])
  transcript.parser.expire(timeOf(9))
  transcript.play([
    ['>', ask('GET', 'a')],
    ['<', '*-1\r\n$-1\r\n'],
    ['>', ask('GET', 'b')],
    ['<', '$-1\r\n'],
  ])
  assert.deepEqual(
    transcript.told.map((e) => [e.request, e.status, e.blocking]),
    [
      ['BLPOP l 0.005', 'unanswered', true],
      ['BLPOP l 0.005', 'ok', true],
      ['GET a', 'ok', true],
      ['GET b', 'ok', false],
    ],
  )
})

test('blocking commands', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['BLPOP l 0', true],
    ['wait 1 100', true],
    ['XREAD BLOCK 0 STREAMS s $', true],
    ['XREAD STREAMS BLOCK 0', false],
    ['XREADGROUP GROUP g c BLOCK 5 STREAMS s >', true],
    ['LPOP l', false],
  ]
  for (const [line, blocking] of rows) {
    assert.equal(playEveryWay(redis, [['>', ask(...line.split(' '))]])[0]!.blocking, blocking, line)
  }
})

describe('a blocking command is due when the time is over that it asked the server to wait, and patience with it', () => {
  /** Moments (milliseconds) of the last request when it is still let be, and when it is unanswered. */
  const rows: readonly (readonly [line: string, waits: number, due: number])[] = [
    ['BLPOP l m 2', 2000, 2001],
    ['brpop l 0.25', 250, 251],
    ['BRPOPLPUSH a b 1', 1000, 1001],
    ['BLMOVE a b LEFT RIGHT 1.5', 1500, 1501],
    ['BZPOPMIN z 3', 3000, 3001],
    ['BLMPOP 2 1 9000 LEFT', 2000, 2001],
    ['BZMPOP 0.5 1 9000 MIN', 500, 501],
    ['WAIT 9000 300', 300, 301],
    ['WAITAOF 1 9000 300', 300, 301],
    ['XREAD COUNT 9000 BLOCK 700 STREAMS s 9000', 700, 701],
    ['XREADGROUP GROUP g 9000 BLOCK 700 STREAMS s 9000', 700, 701],
    [`BLPOP ${'l '.repeat(100)}4`, 4000, 4001],
    // refused at once, so that the answer is due now
    ['BLPOP l soon', 0, 1],
    ['BLPOP l -1', 0, 1],
    ['XREAD BLOCK', 0, 1],
    ['GET 9000', 0, 1],
  ]
  const expired = (line: string, moment: number): string[] => {
    const transcript = new Transcript(redis).play([['>', ask(...line.split(' ')), 0]])
    transcript.parser.expire(timeOf(moment))
    return transcript.told.map((e) => e.status)
  }

  for (const [line, waits, due] of rows) {
    test(line.slice(0, 50), () => {
      assert.deepEqual(expired(line, waits), [])
      assert.deepEqual(expired(line, due), ['unanswered'])
    })
  }

  test('those that wait for ever are never due', () => {
    for (const line of ['BLPOP l 0', 'BRPOP l 0.0', 'WAIT 1 0', 'XREAD BLOCK 0 STREAMS s $', 'BZMPOP 0 1 z MIN']) {
      assert.deepEqual(expired(line, 1e9), [], line)
      const transcript = new Transcript(redis).play([['>', ask(...line.split(' ')), 0]])
      transcript.parser.expire(timeOf(1e9))
      assert.deepEqual(
        transcript.close().map((e) => [e.status, e.blocking]),
        [['unanswered', true]],
      )
    }
  })

  test('in a transaction nothing waits', () => {
    const transcript = new Transcript(redis).play([['>', Buffer.concat([ask('MULTI'), ask('BLPOP', 'l', '0')]), 0]])
    transcript.parser.expire(timeOf(1))
    assert.equal(transcript.told.length, 2)
  })

  test('a number of which bytes are missing is not believed', () => {
    const transcript = new Transcript(redis).play([
      ['>', '*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$3\r\n1', 0],
      ['>', 1, 0],
      ['>', '0\r\n', 0],
    ])
    transcript.parser.expire(timeOf(1e6))
    assert.deepEqual(transcript.told, [])
  })

  test('one behind another begins when that one ends, and what is behind both as well', () => {
    const blpop = ask('BLPOP', 'l', '2')
    const transcript = new Transcript(redis).play([
      ['>', Buffer.concat([blpop, blpop, ask('GET', 'a')]), 0],
      ['<', '*-1\r\n', 1900],
    ])
    const expire = (moment: number): number => {
      transcript.parser.expire(timeOf(moment))
      return transcript.told.length - 1
    }
    assert.equal(expire(3900), 0)
    assert.equal(transcript.parser.waitsLonger, true)
    assert.equal(expire(3901), 2)
    assert.equal(transcript.parser.waitsLonger, false)
    assert.deepEqual(
      transcript.told.map((e) => e.status),
      ['ok', 'unanswered', 'unanswered'],
    )
  })

  test('what is behind it is not due while it waits, nor at the moment of its answer', () => {
    const transcript = new Transcript(redis).play([['>', Buffer.concat([ask('BLPOP', 'l', '2'), ask('GET', 'a')]), 0]])
    transcript.parser.expire(timeOf(1000))
    transcript.play([['<', '*-1\r\n', 1900]])
    transcript.parser.expire(timeOf(1850))
    transcript.play([['<', '$1\r\nx\r\n', 1901]])
    assert.deepEqual(
      transcript.told.map((e) => [e.request, e.status]),
      [
        ['BLPOP l 2', 'ok'],
        ['GET a', 'ok'],
      ],
    )
  })

  test('whether it is worth asking again', () => {
    const waits = (line: string): boolean => {
      const transcript = new Transcript(redis).play([['>', ask(...line.split(' ')), 0]])
      transcript.parser.expire(timeOf(5))
      return transcript.parser.waitsLonger === true
    }
    assert.deepEqual(['BLPOP l 9', 'BLPOP l 0', 'GET a'].map(waits), [true, false, false])
  })
})

test('text is UTF-8 where it is, latin1 where it is not, and bounded', () => {
  const one = (...words: readonly (string | Buffer)[]) => playEveryWay(redis, [['>', ask(...words)]])[0]!
  assert.deepEqual(pick(one('SET', 'ключ', 'значение')), ['SET ключ значение', 'ключ'])
  assert.deepEqual(pick(one('SET', 'ключ', Buffer.from([0xff, 0x00]))).at(1), 'ключ')
  assert.deepEqual(pick(one('GET', Buffer.from([0xe9, 0x74]))), ['GET ét', 'ét'])
  const long = one('SET', 'k'.repeat(300), 'v'.repeat(5000))
  assert.deepEqual([long.request.length, long.key], [1024, 'k'.repeat(256)])
  assert.equal(long.request, `SET ${'k'.repeat(300)} ${'v'.repeat(719)}`)
  assert.equal(one('SET', 'k', '€'.repeat(500)).request, `SET k ${'€'.repeat(339)}`)
  const script = one('EVAL', 's'.repeat(3000), '1', 'the-key')
  assert.deepEqual([script.request.length, script.key], [1024, 'the-key'])
  assert.equal(one('DEL', ...Array.from({ length: 3000 }, (_, i) => `key${i}`)).request.length, 1024)
})

function pick(told: { request: string; key: string }): [string, string] {
  return [told.request, told.key]
}

test('recognition', () => {
  const rows: readonly (readonly [string, number])[] = [
    ['*1\r\n$4\r\nPING\r\n', RECOGNISED_LIKELY_CLIENT],
    ['*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n', RECOGNISED_LIKELY_CLIENT],
    ['*3\r\n$8\r\nJSON.GET\r\n', RECOGNISED_LIKELY_CLIENT],
    ['*3\r\n$3\r\nset\r\n$1', RECOGNISED_LIKELY_CLIENT],
    ['*3\r\n$3\r\nse', RECOGNISED_MAYBE],
    ['*3\r', RECOGNISED_MAYBE],
    ['*', RECOGNISED_MAYBE],
    ['*2\r\n$5\r\nthere\r\n$1\r\n', RECOGNISED_MAYBE],
    ['*2\r\n$0\r\n\r\n$1\r\n', RECOGNISED_MAYBE],
    ['*3\r\n$7\r\nmessage\r\n$1\r\n', RECOGNISED_SERVER],
    ['*2\r\n:1\r\n:2\r\n', RECOGNISED_SERVER],
    ['*-1\r\n', RECOGNISED_SERVER],
    ['+OK\r\n', RECOGNISED_SERVER],
    ['+OK POP3 ready\r\n', RECOGNISED_MAYBE],
    ['+OK POP3 ready\r\nabc', RECOGNISED_NO],
    ['-ERR unknown command\r\n', RECOGNISED_SERVER],
    ['-NOAUTH Authentication required.\r\n', RECOGNISED_SERVER],
    [':12\r\n', RECOGNISED_SERVER],
    [':12\r\n$3\r\nabc\r\n', RECOGNISED_SERVER],
    [':12\r\nabc', RECOGNISED_NO],
    ['$-1\r\n', RECOGNISED_SERVER],
    ['$12\r\nanything', RECOGNISED_SERVER],
    ['$1\r\na\r\n$1\r\nb\r\n', RECOGNISED_LIKELY_SERVER],
    ['$1\r\na\r\n*2\r\n$3\r\nGET\r\n', RECOGNISED_LIKELY_SERVER],
    ['$1\r\nabc\r\n', RECOGNISED_NO],
    ['%7\r\n$6\r\nserver\r\n', RECOGNISED_SERVER],
    ['_\r\n', RECOGNISED_SERVER],
    [',1.5\r\n', RECOGNISED_SERVER],
    ['#t\r\n', RECOGNISED_SERVER],
    ['the end of a value\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n', RECOGNISED_MAYBE],
    ['the end of a value\r\n$3\r\nabc\r\n', RECOGNISED_NO],
    ['PING\r\n', RECOGNISED_LIKELY_CLIENT],
    ['PING\n', RECOGNISED_LIKELY_CLIENT],
    ['hgetall foo\nhgetall foo\n', RECOGNISED_LIKELY_CLIENT],
    ['readonly\r\n:1\r\n', RECOGNISED_MAYBE],
    ['readonly\n:1\n', RECOGNISED_MAYBE],
    ['GET foo\r\n', RECOGNISED_MAYBE],
    ['get foo\r\n', RECOGNISED_MAYBE],
    ['hgetall foo\r\n', RECOGNISED_LIKELY_CLIENT],
    ['GET / HTTP/1.1\r\nHost: a\r\n', RECOGNISED_NO],
    ['GET /', RECOGNISED_MAYBE],
    ['HTTP/1.1 200 OK\r\n', RECOGNISED_NO],
    ['set a 0 0 1\r\n', RECOGNISED_MAYBE],
    ['STORED\r\n', RECOGNISED_NO],
    ['\x16\x03\x01\x02\x00', RECOGNISED_NO],
    ['SSH-2.0-OpenSSH\r\n', RECOGNISED_NO],
    ['220 ready\r\n', RECOGNISED_NO],
    ['EHLO me\r\n', RECOGNISED_NO],
    ['- a list\r\n- of things\r\n', RECOGNISED_MAYBE],
  ]
  for (const [text, expected] of rows) {
    const bytes = Buffer.from(`xx${text}\r\n*1\r\n`, 'latin1')
    const name = ['no', 'maybe', 'client', 'server', 'likely a client', 'likely a server']
    const is = redis.recognise(bytes, 2, 2 + text.length)
    assert.equal(name[is], name[expected], JSON.stringify(text))
  }
})

test('recognition where the side is known', () => {
  const rows: readonly (readonly [number, string, number])[] = [
    [SIDE_CLIENT, '*2\r\n$3\r\nfoo\r\n', RECOGNISED_CLIENT],
    [SIDE_SERVER, '*2\r\n$3\r\nGET\r\n', RECOGNISED_SERVER],
    [SIDE_CLIENT, `*1\r\n$65\r\n${'x'.repeat(65)}\r\n`, RECOGNISED_CLIENT],
    [SIDE_CLIENT, '*0\r\n', RECOGNISED_MAYBE],
    [SIDE_CLIENT, '*-1\r\n', RECOGNISED_MAYBE],
    [SIDE_CLIENT, '*1\r\n$4\r\nPING\r\n', RECOGNISED_CLIENT],
    [SIDE_CLIENT, 'hgetall foo\r\n', RECOGNISED_CLIENT],
    [SIDE_CLIENT, 'foo bar\r\n', RECOGNISED_MAYBE],
    [SIDE_SERVER, '+zset\r\n', RECOGNISED_SERVER],
    [SIDE_CLIENT, 'foo / HTTP/1.1\r\n', RECOGNISED_NO],
    [SIDE_SERVER, 'foo bar\r\n', RECOGNISED_NO],
    [SIDE_SERVER, 'INFO {}\r\n', RECOGNISED_NO],
  ]
  for (const [side, text, expected] of rows) {
    const bytes = Buffer.from(text)
    assert.equal(redis.recognise(bytes, 0, bytes.length, side), expected, JSON.stringify(text))
  }
})
