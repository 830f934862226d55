import assert from 'node:assert/strict'
import test from 'node:test'
import { redis } from '../../../src/protocol/redis/redis.ts'
import { lines, playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'

/** A request as clients send it. */
function ask(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word, 'latin1')}\r\n${word}\r\n`).join('')}`
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

function conversation(steps: readonly Step[], expected: readonly string[]): void {
  assert.deepEqual(lines(playEveryWay(redis, steps)), expected)
}

test('one after the other', () => {
  conversation(
    [
      ['>', ask('set', 'foo', 'bared')],
      ['<', '+OK\r\n'],
      ['>', ask('GET', 'foo')],
      ['<', bulk('bared')],
      ['>', ask('GET', 'nothing')],
      ['<', '$-1\r\n'],
      ['>', ask('INCR', 'foo')],
      ['<', '-ERR value is not an integer or out of range\r\n'],
      ['>', ask('LPUSH', 'foo', 'x')],
      ['<', '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'],
    ],
    [
      'set foo bared | ok | OK | 0-0 | 1-1 | 33/5',
      'GET foo | ok | 2-2 | 3-3 | 22/11',
      'GET nothing | ok | 4-4 | 5-5 | 26/5',
      'INCR foo | error | -ERR value is not an integer or out of range | 6-6 | 7-7 | 23/46',
      'LPUSH foo x | error | -WRONGTYPE Operation against a key holding the wrong kind of value | 8-8 | 9-9 | 31/68',
    ],
  )
})

test('a pipeline: each request has its own latency', () => {
  conversation(
    [
      ['>', ask('SET', 'a', '1') + ask('GET', 'a').slice(0, 9)],
      ['>', ask('GET', 'a').slice(9) + ask('DEL', 'a')],
      ['<', '+OK\r\n$'],
      ['<', '1\r\n1\r\n'],
      ['<', ':1\r\n'],
    ],
    [
      'SET a 1 | ok | OK | 0-0 | 2-2 | 27/5',
      'GET a | ok | 0-1 | 2-3 | 20/7 | behind 1',
      'DEL a | ok | 1-1 | 4-4 | 20/4 | behind 2',
    ],
  )
})

test('what every type of reply looks like, RESP2 and RESP3', () => {
  const replies = [
    '+OK\r\n',
    ':-1000\r\n',
    ':+7\r\n',
    '$0\r\n\r\n',
    '$6\r\nfoo\r\nb\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '*0\r\n',
    '*3\r\n:1\r\n$-1\r\n*2\r\n+a\r\n-ERR inside\r\n',
    '_\r\n',
    '#t\r\n',
    '#f\r\n',
    ',1.23e-5\r\n',
    ',inf\r\n',
    ',-inf\r\n',
    ',nan\r\n',
    '(3492890328409238509324850943850943825024385\r\n',
    '(-12\r\n',
    '=15\r\ntxt:Some string\r\n',
    '%2\r\n+first\r\n:1\r\n+second\r\n*2\r\n:2\r\n%0\r\n',
    '~3\r\n+orange\r\n#t\r\n:100\r\n',
    '|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1923\r\n$1\r\nb\r\n,0.0012\r\n*2\r\n:2039123\r\n:9543892\r\n',
    '*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n',
    '$?\r\n;4\r\nHell\r\n;6\r\no worl\r\n;1\r\nd\r\n;0\r\n',
    '*?\r\n:1\r\n*?\r\n+x\r\n.\r\n:2\r\n.\r\n',
    '%?\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n.\r\n',
  ]
  for (const reply of replies) {
    const steps: Step[] = [
      ['>', ask('FOO', 'x') + ask('PING')],
      ['<', reply],
      ['<', '+PONG\r\n'],
    ]
    conversation(steps, [
      `FOO x | ok${reply === '+OK\r\n' ? ' | OK' : ''} | 0-0 | 1-1 | 20/${reply.length}`,
      'PING | ok | PONG | 0-0 | 2-2 | 14/7 | behind 1',
    ])
  }
})

test('errors: simple, blob, bounded', () => {
  conversation(
    [
      ['>', ask('A') + ask('B') + ask('C')],
      ['<', '-ERR\r\n!21\r\nSYNTAX invalid syntax\r\n'],
      ['<', `-${'x'.repeat(300)}\r\n`],
    ],
    [
      'A | error | -ERR | 0-0 | 1-1 | 11/6',
      'B | error | -SYNTAX invalid syntax | 0-0 | 1-1 | 11/28 | behind 1',
      `C | error | -${'x'.repeat(255)} | 0-0 | 2-2 | 11/303 | behind 2`,
    ],
  )
})

test('pushes answer nothing, wherever they come', () => {
  const invalidate = '>2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n'
  conversation(
    [
      ['>', ask('HELLO', '3')],
      ['<', '%1\r\n$5\r\nproto\r\n:3\r\n'],
      ['<', invalidate],
      ['>', ask('GET', 'a') + ask('GET', 'b')],
      ['<', `${bulk('1') + invalidate}>3\r\n+message\r\n+ch\r\n+text\r\n${bulk('2')}`],
      ['<', invalidate],
    ],
    ['HELLO 3 | ok | 0-0 | 1-1 | 22/19', 'GET a | ok | 3-3 | 4-4 | 20/7', 'GET b | ok | 3-3 | 4-4 | 20/7 | behind 1'],
  )
})

test('RESP2 pub/sub: a confirmation for each channel, then messages', () => {
  const confirm = (word: string, channel: string, left: number) => `*3\r\n${bulk(word)}${bulk(channel)}:${left}\r\n`
  const message = `*3\r\n${bulk('message')}${bulk('a')}${bulk('hello')}`
  const pmessage = `*4\r\n${bulk('pmessage')}${bulk('*')}${bulk('a')}${bulk('hello')}`
  conversation(
    [
      ['>', ask('SUBSCRIBE', 'a', 'b')],
      ['<', confirm('subscribe', 'a', 1)],
      ['<', message + confirm('subscribe', 'b', 2)],
      ['<', message + message],
      ['>', ask('PSUBSCRIBE', '*')],
      ['<', confirm('psubscribe', '*', 3) + pmessage],
      ['>', ask('PING')],
      ['<', `${message}*2\r\n$4\r\npong\r\n$0\r\n\r\n`],
      ['>', ask('UNSUBSCRIBE')],
      ['<', confirm('unsubscribe', 'a', 2) + confirm('unsubscribe', 'b', 1)],
      ['>', ask('PUNSUBSCRIBE', '*')],
      ['<', confirm('punsubscribe', '*', 0)],
      ['>', ask('LRANGE', 'k', '0', '2')],
      ['<', message],
    ],
    [
      'SUBSCRIBE a b | ok | 0-0 | 1-2 | 33/60',
      'PSUBSCRIBE * | ok | 4-4 | 5-5 | 28/32',
      'PING | ok | 6-6 | 7-7 | 14/20',
      'UNSUBSCRIBE | ok | 8-8 | 9-9 | 22/66',
      'PUNSUBSCRIBE * | ok | 10-10 | 11-11 | 30/34',
      'LRANGE k 0 2 | ok | 12-12 | 13-13 | 37/35',
    ],
  )
})

test('RESP3 pub/sub: confirmations are pushes, and answers', () => {
  const confirm = (word: string, channel: string, left: number) => `>3\r\n${bulk(word)}${bulk(channel)}:${left}\r\n`
  conversation(
    [
      ['>', ask('GET', 'k') + ask('SUBSCRIBE', 'a', 'b') + ask('GET', 'k')],
      ['<', `${bulk('v')}${confirm('subscribe', 'a', 1)}${confirm('subscribe', 'b', 2)}${bulk('v')}`],
      ['<', confirm('sunsubscribe', 'moved', 1)],
      ['>', ask('GET', 'k')],
      ['<', bulk('v')],
    ],
    [
      'GET k | ok | 0-0 | 1-1 | 20/7',
      'SUBSCRIBE a b | ok | 0-0 | 1-1 | 33/60 | behind 1',
      'GET k | ok | 0-0 | 1-1 | 20/7 | behind 2',
      'GET k | ok | 3-3 | 4-4 | 20/7',
    ],
  )
})

test('a refused SUBSCRIBE has one answer', () => {
  conversation(
    [
      ['>', ask('SUBSCRIBE', 'a', 'b', 'c') + ask('PING')],
      ['<', '-NOPERM no\r\n+PONG\r\n'],
    ],
    ['SUBSCRIBE a b c | error | -NOPERM no | 0-0 | 1-1 | 40/12', 'PING | ok | PONG | 0-0 | 1-1 | 14/7 | behind 1'],
  )
})

test('MULTI: QUEUED answers what is queued, the array answers EXEC; nothing blocks inside', () => {
  conversation(
    [
      ['>', ask('MULTI') + ask('BLPOP', 'l', '0') + ask('SUBSCRIBE', 'a', 'b') + ask('EXEC')],
      ['<', '+OK\r\n+QUEUED\r\n+QUEUED\r\n'],
      ['<', '*2\r\n*-1\r\n-ERR inside\r\n'],
      ['>', ask('BLPOP', 'l', '0')],
      ['<', '*-1\r\n'],
    ],
    [
      'MULTI | ok | OK | 0-0 | 1-1 | 15/5',
      'BLPOP l 0 | ok | QUEUED | 0-0 | 1-1 | 29/9 | behind 1',
      'SUBSCRIBE a b | ok | QUEUED | 0-0 | 1-1 | 33/9 | behind 2',
      'EXEC | ok | 0-0 | 2-2 | 14/22 | behind 3',
      'BLPOP l 0 | ok | 3-3 | 4-4 | 29/5 | blocking',
    ],
  )
})

test('MONITOR: what it prints answers nothing', () => {
  const line = '+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'
  conversation(
    [
      ['>', ask('MONITOR')],
      ['<', `+OK\r\n${line}`],
      ['<', line],
      ['>', ask('PING') + ask('RESET')],
      ['<', `${line}+PONG\r\n+RESET\r\n`],
    ],
    [
      'MONITOR | ok | OK | 0-0 | 1-1 | 17/5',
      'PING | ok | PONG | 3-3 | 4-4 | 14/7',
      'RESET | ok | RESET | 3-3 | 4-4 | 15/8 | behind 1',
    ],
  )
})

test('CLIENT REPLY: what asks for no answer gets none', () => {
  conversation(
    [
      ['>', ask('CLIENT', 'REPLY', 'SKIP') + ask('SET', 'a', '1') + ask('GET', 'a')],
      ['<', bulk('1')],
      ['>', ask('client', 'reply', 'off') + ask('SET', 'a', '2') + ask('CLIENT', 'REPLY', 'ON')],
      ['<', '+OK\r\n'],
    ],
    [
      'CLIENT REPLY SKIP | silent | 0-0 | 37/0',
      'SET a 1 | silent | 0-0 | 27/0',
      'GET a | ok | 0-0 | 1-1 | 20/7',
      'client reply off | silent | 2-2 | 36/0',
      'SET a 2 | silent | 2-2 | 27/0',
      'CLIENT REPLY ON | ok | OK | 2-2 | 3-3 | 35/5',
    ],
  )
})

test('MONITOR: a second one gets no answer, and one that is only queued does not monitor', () => {
  const line = '+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'
  conversation(
    [
      ['>', ask('MULTI') + ask('MONITOR') + ask('EXEC') + ask('EVAL', 'x', '0')],
      ['<', '+OK\r\n+QUEUED\r\n*1\r\n-ERR not allowed\r\n+1.000000 [a\r\n'],
      ['>', ask('MONITOR')],
      ['<', '+OK\r\n'],
      ['>', ask('MONITOR') + ask('PING')],
      ['<', `${line}+PONG\r\n`],
      ['>', ask('RESET') + ask('MONITOR')],
      ['<', '+RESET\r\n+OK\r\n'],
    ],
    [
      'MULTI | ok | OK | 0-0 | 1-1 | 15/5',
      'MONITOR | ok | QUEUED | 0-0 | 1-1 | 17/9 | behind 1',
      'EXEC | ok | 0-0 | 1-1 | 14/22 | behind 2',
      'EVAL x 0 | ok | 1.000000 [a | 0-0 | 1-1 | 28/14 | behind 3',
      'MONITOR | ok | OK | 2-2 | 3-3 | 17/5',
      'MONITOR | silent | 4-4 | 17/0',
      'PING | ok | PONG | 4-4 | 5-5 | 14/7',
      'RESET | ok | RESET | 6-6 | 7-7 | 15/8',
      'MONITOR | ok | OK | 6-6 | 7-7 | 17/5 | behind 1',
    ],
  )
})

test('MONITOR, met midway: its lines answer nobody, not the second MONITOR either', () => {
  const line = '+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'
  for (const isHeardBefore of [true, false]) {
    const told = playEveryWay(
      redis,
      [
        ['<', isHeardBefore ? line : '+PONG\r\n'],
        ['>', ask('MONITOR')],
        ['<', line + line],
        ...Array.from({ length: 8 }, (): Step[] => [
          ['>', ask('PING')],
          ['<', `+PONG\r\n${line}`],
        ]).flat(),
      ],
      { middle: true },
    )
    assert.deepEqual(
      told.filter((e) => e.status === 'ok').map((e) => `${e.request} ${e.statusText} ${e.times[2] - e.times[0]}`),
      Array.from({ length: 8 }, () => 'PING PONG 1'),
    )
    assert.equal(told.find((e) => e.request === 'MONITOR')!.status, isHeardBefore ? 'silent' : 'unknown')
  }
})

test('CLIENT REPLY: ON undoes SKIP, RESET does not, and what is refused changes nothing', () => {
  conversation(
    [
      ['>', ask('CLIENT', 'REPLY', 'SKIP') + ask('CLIENT', 'REPLY', 'ON')],
      ['<', '+OK\r\n'],
      ['>', ask('CLIENT', 'REPLY', 'SKIP') + ask('RESET') + ask('PING')],
      ['<', '+PONG\r\n'],
      ['>', ask('CLIENT', 'REPLY', 'OFF', 'x') + ask('CLIENT', 'REPLY', 'NO') + ask('PING')],
      ['<', '-ERR wrong\r\n-ERR syntax\r\n+PONG\r\n'],
    ],
    [
      'CLIENT REPLY SKIP | silent | 0-0 | 37/0',
      'CLIENT REPLY ON | ok | OK | 0-0 | 1-1 | 35/5',
      'CLIENT REPLY SKIP | silent | 2-2 | 37/0',
      'RESET | silent | 2-2 | 15/0',
      'PING | ok | PONG | 2-2 | 3-3 | 14/7',
      'CLIENT REPLY OFF x | error | -ERR wrong | 4-4 | 5-5 | 43/12',
      'CLIENT REPLY NO | error | -ERR syntax | 4-4 | 5-5 | 35/13 | behind 1',
      'PING | ok | PONG | 4-4 | 5-5 | 14/7 | behind 2',
    ],
  )
})

test('CLIENT REPLY OFF that the server refuses does not make a connection silent for ever', () => {
  const told = playEveryWay(redis, [
    ['>', ask('CLIENT', 'REPLY', 'OFF')],
    ['<', '-NOPERM no\r\n'],
    ...Array.from({ length: 12 }, (): Step[] => [
      ['>', ask('GET', 'a')],
      ['<', bulk('1')],
    ]).flat(),
  ])
  assert.equal(told.filter((e) => e.status === 'ok').length, 12)
})

test('CLIENT REPLY OFF does not keep back confirmations and messages', () => {
  const confirmed = (opener: string, word: string, open: number): string =>
    `${opener}3\r\n${bulk(word)}${bulk('q')}:${open}\r\n`
  const message = (opener: string): string => `${opener}3\r\n${bulk('message')}${bulk('q')}${bulk('hi')}`
  for (const opener of ['*', '>']) {
    conversation(
      [
        ['>', ask('CLIENT', 'REPLY', 'OFF') + ask('SUBSCRIBE', 'q')],
        ['<', confirmed(opener, 'subscribe', 1)],
        ['<', message(opener)],
        ['>', ask('UNSUBSCRIBE', 'q') + ask('CLIENT', 'REPLY', 'ON') + ask('PING')],
        ['<', `${confirmed(opener, 'unsubscribe', 0)}+OK\r\n+PONG\r\n`],
      ],
      [
        'CLIENT REPLY OFF | silent | 0-0 | 36/0',
        'SUBSCRIBE q | ok | 0-0 | 1-1 | 26/30',
        'UNSUBSCRIBE q | ok | 3-3 | 4-4 | 29/33',
        'CLIENT REPLY ON | ok | OK | 3-3 | 4-4 | 35/5 | behind 1',
        'PING | ok | PONG | 3-3 | 4-4 | 14/7 | behind 2',
      ],
    )
  }
})

test('CLIENT REPLY SKIP: a subscription is confirmed before what follows is answered, or not at all', () => {
  const steps = (confirmation: string): Step[] => [
    [
      '>',
      ask('CLIENT', 'REPLY', 'SKIP') + ask('PUNSUBSCRIBE', 'x', 'y') + ask('LRANGE', 'k', '0', '1') + ask('GET', 'a'),
    ],
    ['<', `${confirmation}*0\r\n${bulk('1')}`],
  ]
  const answered = ['LRANGE k 0 1 | ok | 0-0 | 1-1 | 37/4 | behind 1', 'GET a | ok | 0-0 | 1-1 | 20/7 | behind 2']
  const confirmation = (channel: string): string => `*3\r\n${bulk('punsubscribe')}${bulk(channel)}:0\r\n`
  conversation(steps(confirmation('x') + confirmation('y')), [
    'CLIENT REPLY SKIP | silent | 0-0 | 37/0',
    'PUNSUBSCRIBE x y | ok | 0-0 | 1-1 | 37/68',
    ...answered,
  ])
  conversation(steps(''), [
    'CLIENT REPLY SKIP | silent | 0-0 | 37/0',
    'PUNSUBSCRIBE x y | silent | 0-0 | 37/0',
    ...answered,
  ])
})

test('a connection that listens is refused anything else, by name: nothing else changes its state', () => {
  const confirmation = `*3\r\n${bulk('subscribe')}${bulk('q')}:1\r\n`
  const refused = (command: string): string => `-ERR Can't execute '${command}': only (P|S)SUBSCRIBE are allowed\r\n`
  conversation(
    [
      ['>', ask('SUBSCRIBE', 'q')],
      ['<', confirmation],
      ['>', ask('CLIENT', 'REPLY', 'OFF') + ask('PING')],
      ['<', `${refused('client|reply')}*2\r\n${bulk('pong')}${bulk('')}`],
    ],
    [
      'SUBSCRIBE q | ok | 0-0 | 1-1 | 26/30',
      `CLIENT REPLY OFF | error | ${refused('client|reply').trim()} | 2-2 | 3-3 | 36/68`,
      'PING | ok | 2-2 | 3-3 | 14/20 | behind 1',
    ],
  )
  // not known yet when it was asked: nothing is told wrong
  const told = playEveryWay(redis, [
    ['>', ask('SUBSCRIBE', 'q') + ask('CLIENT', 'REPLY', 'SKIP') + ask('TAG') + ask('PING')],
    ['<', `${confirmation}${refused('client|reply')}-ERR TAG\r\n*2\r\n${bulk('pong')}${bulk('')}`],
  ])
  assert.deepEqual(
    told.filter((e) => e.status === 'ok' || e.status === 'error').map((e) => e.request),
    ['SUBSCRIBE q'],
  )
})

test('a listening connection whose replies are off is refused without a word, until RESET', () => {
  const told = playEveryWay(redis, [
    [
      '>',
      ask('CLIENT', 'REPLY', 'OFF') + ask('SUBSCRIBE', 'q') + ask('CLIENT', 'REPLY', 'ON') + ask('TAG') + ask('RESET'),
    ],
    ['<', `*3\r\n${bulk('subscribe')}${bulk('q')}:1\r\n+RESET\r\n`],
    ['>', ask('GET', 'a')],
    ['<', bulk('1')],
  ])
  assert.deepEqual(
    told.map((e) => `${e.request} ${e.status} ${e.statusText}`),
    [
      'CLIENT REPLY OFF silent ',
      'SUBSCRIBE q ok ',
      'CLIENT REPLY ON unknown ',
      'TAG unknown ',
      'RESET ok RESET',
      'GET a ok ',
    ],
  )
})

test('DISCARD ends a transaction', () => {
  conversation(
    [
      ['>', ask('MULTI') + ask('DISCARD') + ask('BLPOP', 'l', '0')],
      ['<', '+OK\r\n+OK\r\n*-1\r\n'],
    ],
    [
      'MULTI | ok | OK | 0-0 | 1-1 | 15/5',
      'DISCARD | ok | OK | 0-0 | 1-1 | 17/5 | behind 1',
      'BLPOP l 0 | ok | 0-0 | 1-1 | 29/5 | behind 2 | blocking',
    ],
  )
})

test('UNSUBSCRIBE without channels: a confirmation for each that is open, one where none is', () => {
  const confirmed = (word: string, channel: string, open: number): string =>
    `*3\r\n${bulk(word)}${bulk(channel)}:${open}\r\n`
  const none = `*3\r\n${bulk('unsubscribe')}$-1\r\n:0\r\n`
  conversation(
    [
      ['>', ask('SUBSCRIBE', 'a', 'b', 'a') + ask('PSUBSCRIBE', '*') + ask('SSUBSCRIBE', 's')],
      ['<', confirmed('subscribe', 'a', 1) + confirmed('subscribe', 'b', 2) + confirmed('subscribe', 'a', 2)],
      ['<', confirmed('psubscribe', '*', 3) + confirmed('ssubscribe', 's', 1)],
      ['>', ask('UNSUBSCRIBE') + ask('PUNSUBSCRIBE') + ask('UNSUBSCRIBE') + ask('SUNSUBSCRIBE') + ask('GET', 'a')],
      ['<', confirmed('unsubscribe', 'a', 2)],
      ['<', confirmed('unsubscribe', 'b', 1)],
      ['<', confirmed('punsubscribe', '*', 0) + none + confirmed('sunsubscribe', 's', 0) + bulk('1')],
    ],
    [
      'SUBSCRIBE a b a | ok | 0-0 | 1-1 | 40/90',
      'PSUBSCRIBE * | ok | 0-0 | 2-2 | 28/32 | behind 1',
      'SSUBSCRIBE s | ok | 0-0 | 2-2 | 28/32 | behind 2',
      'UNSUBSCRIBE | ok | 3-3 | 4-5 | 22/66',
      'PUNSUBSCRIBE | ok | 3-3 | 6-6 | 23/34 | behind 1',
      'UNSUBSCRIBE | ok | 3-3 | 6-6 | 22/31 | behind 2',
      'SUNSUBSCRIBE | ok | 3-3 | 6-6 | 23/34 | behind 3',
      'GET a | ok | 3-3 | 6-6 | 20/7 | behind 4',
    ],
  )
})

test('a MULTI that is refused begins no transaction, a nested one does not end it', () => {
  conversation(
    [
      ['>', ask('MULTI')],
      ['<', '-NOAUTH Authentication required.\r\n'],
      ['>', ask('BLPOP', 'l', '0')],
      ['<', '*-1\r\n'],
      ['>', ask('MULTI')],
      ['<', '+OK\r\n'],
      ['>', ask('MULTI')],
      ['<', '-ERR MULTI calls can not be nested\r\n'],
      ['>', ask('BLPOP', 'l', '0')],
      ['<', '+QUEUED\r\n'],
    ],
    [
      'MULTI | error | -NOAUTH Authentication required. | 0-0 | 1-1 | 15/34',
      'BLPOP l 0 | ok | 2-2 | 3-3 | 29/5 | blocking',
      'MULTI | ok | OK | 4-4 | 5-5 | 15/5',
      'MULTI | error | -ERR MULTI calls can not be nested | 6-6 | 7-7 | 15/36',
      'BLPOP l 0 | ok | QUEUED | 8-8 | 9-9 | 29/9',
    ],
  )
})

test('replication: quiet after the answer to PSYNC', () => {
  const stream = ask('SET', 'a', '1') + ask('PING')
  for (const [request, answer, text] of [
    [ask('PSYNC', '?', '-1'), '\n\n+FULLRESYNC 0ab 1\r\n', 'FULLRESYNC 0ab 1'],
    [ask('PSYNC', '0ab', '17'), '+CONTINUE\r\n', 'CONTINUE'],
    [ask('SYNC'), '\n$EOF:40\r\n', 'EOF:40'],
    [ask('SYNC'), '$12\r\n', '12'],
  ] as const) {
    const told = playEveryWay(redis, [
      ['>', ask('PING') + ask('REPLCONF', 'capa', 'eof') + request],
      ['<', '+PONG\r\n+OK\r\n'],
      ['<', answer],
      ['<', `$9\r\nREDIS0011${stream}`],
      ['>', ask('REPLCONF', 'ACK', '0')],
    ])
    assert.deepEqual(
      told.map((e) => `${e.command} ${e.status} ${e.statusText}`),
      ['PING ok PONG', 'REPLCONF CAPA ok OK', `${request.includes('PSYNC') ? 'PSYNC' : 'SYNC'} ok ${text}`],
    )
  }
})

test('replication met midway: what a master sends is never paired with a replica’s acknowledgements', () => {
  for (const [master, replica] of [
    ['>', '<'],
    ['<', '>'],
  ] as const) {
    const told = playEveryWay(
      redis,
      Array.from({ length: 20 }, (_, i): Step[] => [
        [master, ask('SET', 'a', `${i}`)],
        [replica, ask('REPLCONF', 'ACK', '17')],
      ]).flat(),
      { middle: true },
    )
    assert.ok(told.length <= 1 && told.every((e) => e.status === 'unknown'), lines(told).join('\n'))
  }
})

test('PSYNC refused: the conversation goes on', () => {
  conversation(
    [
      ['>', ask('PSYNC', '?', '-1')],
      ['<', '-NOMASTERLINK no\r\n'],
      ['>', ask('PING')],
      ['<', '+PONG\r\n'],
    ],
    ['PSYNC ? -1 | error | -NOMASTERLINK no | 0-0 | 1-1 | 30/18 | blocking', 'PING | ok | PONG | 2-2 | 3-3 | 14/7'],
  )
})

test('inline commands, and lines and arrays that ask for nothing', () => {
  conversation(
    [
      ['>', 'PING\r\n'],
      ['<', '+PONG\r\n'],
      ['>', '\r\n*0\r\nset "a key"  \'b\'\n'],
      ['<', '+OK\r\n'],
      ['>', `   \r\n${ask('PING')}`.slice(3)],
      ['<', '+PONG\r\n'],
    ],
    [
      'PING | ok | PONG | 0-0 | 1-1 | 6/7',
      'set a key b | ok | OK | 2-2 | 3-3 | 17/5',
      'PING | ok | PONG | 4-4 | 5-5 | 14/7',
    ],
  )
})

test('lengths that the server refuses, and clients, are none', () => {
  const ping = '$4\r\nPING\r\n'
  for (const count of ['+1', '01', '-0', '00', '1 ', ' 1', '1x', '', '2147483648', '9'.repeat(25)]) {
    assert.deepEqual(lines(new Transcript(redis).play([['>', `*${count}\r\n${ping}`]]).close()), [], count)
  }
  for (const length of ['+4', '04', '-0', '-1', '4 ', '']) {
    assert.deepEqual(lines(new Transcript(redis).play([['>', `*1\r\n$${length}\r\nPING\r\n`]]).close()), [], length)
  }
  for (const reply of [
    '$+1\r\na',
    '$01\r\na',
    '$-0',
    '$-2',
    '*+0',
    '*-2',
    '*00',
    ':',
    ':+-1',
    ':01',
    ':1x',
    '_0',
    '#1',
    '#tt',
  ]) {
    const told = playEveryWay(redis, [
      ['>', ask('GET', 'a')],
      ['<', `${reply}\r\n`],
    ])
    assert.deepEqual(
      told.map((e) => e.status),
      ['unknown'],
      reply,
    )
  }
})

test('counts below one ask for nothing, and an integer may have a plus', () => {
  conversation(
    [
      ['>', `*-1\r\n*0\r\n*-5\r\n${ask('INCR', 'a')}`],
      ['<', ':+3\r\n'],
    ],
    ['INCR a | ok | 0-0 | 1-1 | 21/5'],
  )
})

test('quotes in inline commands end where the server ends them', () => {
  conversation(
    [
      ['>', "echo 'it\\'s a' b\n"],
      ['<', '-ERR wrong\r\n'],
      ['>', 'echo "a \\" b" \'c\\\' d\r\n'],
      ['<', '-ERR wrong\r\n'],
    ],
    [
      "echo it\\'s a b | error | -ERR wrong | 0-0 | 1-1 | 17/12",
      'echo a \\" b c\\\' d | error | -ERR wrong | 2-2 | 3-3 | 22/12',
    ],
  )
})

test('redirections of a cluster are errors, by their code', () => {
  const told = playEveryWay(redis, [
    ['>', ask('GET', 'a') + ask('GET', 'b') + ask('ASKING') + ask('GET', 'c')],
    ['<', '-MOVED 15495 127.0.0.1:6381\r\n-ASK 3300 127.0.0.1:6382\r\n+OK\r\n-TRYAGAIN Multiple keys\r\n'],
  ])
  assert.deepEqual(
    told.map((e) => `${e.command} ${e.status} ${e.status === 'error' ? redis.errorCodeOf!(e.statusText) : ''}`),
    ['GET error MOVED', 'GET error ASK', 'ASKING ok ', 'GET error TRYAGAIN'],
  )
})

test('unanswered at the end, unknown when its answer had begun', () => {
  const told = new Transcript(redis).play([
    ['>', ask('GET', 'a') + ask('BLPOP', 'b', '0')],
    ['<', '$5\r\nab'],
  ])
  assert.deepEqual(lines(told.close()), [
    'GET a | unknown | 0-0 | 20/0',
    'BLPOP b 0 | unanswered | 0-0 | 29/0 | behind 1 | blocking',
  ])
})

test('patience: what waits too long is told, and its late answer is nobody else’s', () => {
  const transcript = new Transcript(redis).play([
    ['>', ask('GET', 'a')],
    ['>', ask('GET', 'b')],
  ])
  transcript.parser.expire(timeOf(1))
  transcript.play([
    ['<', bulk('a')],
    ['>', ask('GET', 'c')],
    ['<', bulk('b') + bulk('c')],
  ])
  assert.deepEqual(lines(transcript.close()), [
    'GET a | unanswered | 0-0 | 20/0',
    'GET a | ok | 0-0 | 2-2 | 20/7 | late',
    'GET b | ok | 1-1 | 4-4 | 20/7 | behind 1',
    'GET c | ok | 3-3 | 4-4 | 20/7 | behind 1',
  ])
})

test('a server that never answers costs bounded memory', () => {
  const transcript = new Transcript(redis)
  const request = ask('SET', 'k', 'v'.repeat(2000))
  transcript.play([['>', request.repeat(20000)]])
  const unknown = transcript.told.length
  assert.ok(unknown > 20000 - 9000, `${unknown}`)
  transcript.play([['<', '+OK\r\n'.repeat(20000)]])
  transcript.play([
    ['>', ask('GET', 'b')],
    ['<', bulk('2')],
  ])
  const told = transcript.close()
  assert.equal(told.length, 20001)
  assert.equal(told.filter((e) => e.status === 'unknown').length, unknown)
  assert.deepEqual(told.at(-1)!.times, [2, 2, 3, 3])
})

test('a value of half a gigabyte, nested arrays and long lines cost nothing', () => {
  const transcript = new Transcript(redis)
  const megabyte = Buffer.alloc(1 << 20, '\r\n+OK\r\n')
  transcript.play([
    ['>', ask('GET', 'a') + ask('KEYS', '*') + ask('GET', 'b')],
    ['<', `$${512 * megabyte.length}\r\n`],
  ])
  for (let i = 0; i < 512; i++) transcript.parser.onData(1, megabyte, 0, megabyte.length, timeOf(2))
  transcript.play([['<', `\r\n${'*1\r\n'.repeat(300000)}:1\r\n+`]])
  for (let i = 0; i < 10; i++) transcript.parser.onData(1, megabyte, 2, 5, timeOf(3))
  transcript.play([['<', '\r\n']])
  transcript.close()
  assert.deepEqual(
    transcript.told.map((e) => `${e.request} ${e.status} ${e.bytes[1]}`),
    [`GET a ok ${512 * megabyte.length + 14}`, 'KEYS * ok 1200004', 'GET b ok 33'],
  )
})

test('more requests under way than are remembered', () => {
  const transcript = new Transcript(redis)
  const count = 70000
  transcript.play([['>', ask('GET', 'a').repeat(count)]])
  transcript.play([['<', bulk('1').repeat(count)]])
  transcript.play([
    ['>', ask('GET', 'b')],
    ['<', bulk('2')],
  ])
  const told = transcript.close()
  assert.equal(told.length, count + 1)
  assert.equal(told.filter((e) => e.status === 'unknown').length, count - 65536)
  assert.equal(told.at(-1)!.request, 'GET b')
  assert.deepEqual(told.at(-1)!.times, [2, 2, 3, 3])
})
