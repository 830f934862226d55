import assert from 'node:assert/strict'
import test from 'node:test'
import { memcached } from '../../../src/protocol/memcached/memcached.ts'
import { lines, playEveryWay, type Step } from '../exchange-transcript.ts'
import { frame } from './memcached-frame.ts'

function conversation(steps: readonly Step[], expected: readonly string[]): void {
  assert.deepEqual(lines(playEveryWay(memcached, steps)), expected)
}

test('opcode, key, status', () => {
  conversation(
    [
      ['>', Buffer.concat([frame(0x80, 0x01, { key: 'a', extras: 8, value: 5, opaque: 7 }), frame(0x80, 0x0a)])],
      ['<', Buffer.concat([frame(0x81, 0x01, { opaque: 7 }), frame(0x81, 0x0a)])],
      ['>', frame(0x80, 0x00, { key: 'nothing', opaque: 8 })],
      ['<', frame(0x81, 0x00, { status: 1, value: 9, opaque: 8 })],
      ['>', frame(0x80, 0x05, { key: 'n', extras: 20, opaque: 9 })],
      ['<', frame(0x81, 0x05, { status: 6, value: 30, opaque: 9 })],
      ['>', frame(0x80, 0x4f, { opaque: 10 })],
      ['<', frame(0x81, 0x4f, { status: 0x81, opaque: 10 })],
      ['>', frame(0x80, 0x10)],
      ['<', Buffer.concat([frame(0x81, 0x10, { key: 'pid', value: 3 }), frame(0x81, 0x10, { key: 'time', value: 3 })])],
      ['<', frame(0x81, 0x10)],
      ['>', frame(0x80, 0x17)],
    ],
    [
      'set a | ok | 0-0 | 1-1 | 38/24',
      'noop | ok | 0-0 | 1-1 | 24/24 | behind 1',
      'get nothing | ok | Not found | 2-2 | 3-3 | 31/33',
      'incr n | error | Non-numeric | 4-4 | 5-5 | 45/54',
      '0x4f | error | Unknown command | 6-6 | 7-7 | 24/24',
      'stat | ok | 8-8 | 9-10 | 24/85',
      'quitq | silent | 11-11 | 24/0',
    ],
  )
})

test('quiet: an answer shows that those before it were silent', () => {
  const quiet = (key: string, opaque: number) => frame(0x80, 0x0d, { key, opaque })
  conversation(
    [
      ['>', Buffer.concat([quiet('a', 1), quiet('b', 2), quiet('c', 3), frame(0x80, 0x0a, { opaque: 4 })])],
      ['<', frame(0x81, 0x0d, { key: 'b', extras: 4, value: 3, opaque: 2 })],
      ['<', frame(0x81, 0x0a, { opaque: 4 })],
      [
        '>',
        Buffer.concat([
          frame(0x80, 0x11, { key: 's', extras: 8, opaque: 5 }),
          frame(0x80, 0x00, { key: 'd', opaque: 6 }),
        ]),
      ],
      ['<', Buffer.concat([frame(0x81, 0x11, { status: 3, opaque: 5 }), frame(0x81, 0x00, { extras: 4, opaque: 6 })])],
      ['>', quiet('e', 7)],
    ],
    [
      'getkq a | silent | 0-0 | 25/0',
      'getkq b | ok | 0-0 | 1-1 | 25/32 | behind 1',
      'getkq c | silent | 0-0 | 25/0 | behind 2',
      'noop | ok | 0-0 | 2-2 | 24/24 | behind 3',
      'setq s | error | Too large | 3-3 | 4-4 | 33/24',
      'get d | ok | 3-3 | 4-4 | 25/28 | behind 1',
      'getkq e | silent | 5-5 | 25/0',
    ],
  )
})

test('quiet with one opaque for all: the key tells, or nobody', () => {
  const keys = Buffer.concat(['a', 'b'].map((key) => frame(0x80, 0x0d, { key })))
  const noKeys = Buffer.concat(['a', 'b'].map((key) => frame(0x80, 0x09, { key })))
  conversation(
    [
      ['>', Buffer.concat([keys, frame(0x80, 0x0a)])],
      ['<', Buffer.concat([frame(0x81, 0x0d, { key: 'b', extras: 4 }), frame(0x81, 0x0a)])],
    ],
    [
      'getkq a | silent | 0-0 | 25/0',
      'getkq b | ok | 0-0 | 1-1 | 25/29 | behind 1',
      'noop | ok | 0-0 | 1-1 | 24/24 | behind 2',
    ],
  )
  conversation(
    [
      ['>', Buffer.concat([noKeys, frame(0x80, 0x0a)])],
      ['<', Buffer.concat([frame(0x81, 0x09, { extras: 4 }), frame(0x81, 0x0a)])],
    ],
    [
      'getq a | unknown | 0-0 | 25/0',
      'getq b | unknown | 0-0 | 25/0 | behind 1',
      'noop | unknown | 0-0 | 24/0 | behind 2',
    ],
  )
})

test('a gap inside a value loses nothing', () => {
  const response = frame(0x81, 0x00, { extras: 4, value: 1000 })
  conversation(
    [
      ['>', frame(0x80, 0x00, { key: 'a' })],
      ['<', response.subarray(0, 500)],
      ['<', 300],
      ['<', response.subarray(800)],
    ],
    ['get a | ok | 0-0 | 1-3 | 25/1028'],
  )
})
