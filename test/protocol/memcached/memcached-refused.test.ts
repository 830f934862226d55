// What memcached refuses, and what it makes of the data that follow: against the real one, and as it was seen to answer.

import assert from 'node:assert/strict'
import test from 'node:test'
import { memcached } from '../../../src/protocol/memcached/memcached.ts'
import { playEveryWay, type Step, type Told, Transcript } from '../exchange-transcript.ts'
import { RawClient, RecordingProxy, stopServer } from '../recording-proxy.ts'
import { startMemcached } from './memcached-process.ts'

const LONG_KEY = 'k'.repeat(251)
const TOO_LARGE = 'x'.repeat(1_100_000)
const FORMAT = 'error CLIENT_ERROR bad command line format'
const CHUNK = 'error CLIENT_ERROR bad data chunk'
const LARGE = 'error SERVER_ERROR object too large for cache'
const REST = '(no command) error ERROR'

/** What a client sends, before `get key` and `mn`, and what is told of it. */
const REFUSED: readonly (readonly [string, readonly string[]])[] = [
  // as many bytes as were announced and two are taken; the rest is a command
  ['set a 0 0 6\r\nZ\xc3\xbcrich\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\n\xe2\x82\xac5\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nabcdefgh\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nabcdefgh more\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nabc\0\0\0\x01\x80\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nabcde\nfgh\nijk\r\n', [`set ${CHUNK}`, REST, REST, REST]],
  ['set a 0 0 3\r\nabcd\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nabc\r\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 0\r\nx\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 2\r\nabcdget key\r\n', [`set ${CHUNK}`, 'get ok VALUE']],
  [`set a 0 0 3\r\nabc${'y'.repeat(3000)}\r\n`, [`set ${CHUNK}`, REST]],
  ['set a 0 0 9\r\nshort\r\nget a\r\n', [`set ${CHUNK}`, REST]],
  ['set a 0 0 3\r\nab\r\nget key\r\n', [`set ${CHUNK}`, REST]],
  ['cas a 0 0 3 5\r\nabcdefgh\r\n', [`cas ${CHUNK}`, REST]],
  ['set a 0 0 3 noreply\r\nabcdefgh\r\n', ['set silent ', REST]],
  ['ms a 3\r\nabcdefgh\r\n', [`ms ${CHUNK}`, REST]],
  ['ms a 3 q\r\nabcdefgh\r\n', [`ms ${CHUNK}`, REST]],
  // refused at once: the data are a command
  ['set a b 0 0 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a b 0 0 3 noreply\r\nabc\r\n', ['set error ERROR', REST]],
  [`set ${LONG_KEY} 0 0 3\r\nabc\r\n`, [`set ${FORMAT}`, REST]],
  [`set ${LONG_KEY} 0 0 3\r\nabc\r\n`.repeat(2), [`set ${FORMAT}`, REST, `set ${FORMAT}`, REST]],
  [`set ${LONG_KEY} 0 0 3 noreply\r\nabc\r\n`, ['set silent ', REST]],
  [`set ${LONG_KEY} 0 0 8\r\nget key \r\n`, [`set ${FORMAT}`, 'get ok VALUE']],
  ['set a 0 0 -1\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 x\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 3x\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a x 0 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 -+3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 -0\r\nabc\r\n', [`set ${CHUNK}`, REST]],
  ['set a -+3 0 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 --3 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 99999999999999999999\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a -0 +3 00000000000000000000000000000003\r\nabc\r\n', ['set ok STORED']],
  ['set a -1 0 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 x 3\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 2147483646\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0 9223372036854775808\r\nabc\r\n', [`set ${FORMAT}`, REST]],
  ['set a 0 0\r\nabc\r\n', ['set error ERROR', REST]],
  ['set a 0 0 noreply\r\nabc\r\n', ['set silent ', REST]],
  ['set\r\n', ['set error ERROR']],
  ['set a 0 0 3 1 2 3\r\nabc\r\n', ['set error ERROR', REST]],
  ['cas a 0 0 3\r\nabc\r\n', ['cas error ERROR', REST]],
  ['cas a 0 0 3 x\r\nabc\r\n', [`cas ${FORMAT}`, REST]],
  ['cas a 0 0 3 noreply\r\nabc\r\n', ['cas silent ', REST]],
  ['ms\r\n', ['ms error ERROR']],
  ['ms a\r\n', [`ms ${FORMAT}`]],
  ['ms a S3\r\nabc\r\n', [`ms ${FORMAT}`, REST]],
  ['ms a -1\r\nabc\r\n', [`ms ${FORMAT}`, REST]],
  [`ms ${LONG_KEY} 3 q\r\nabc\r\n`, [`ms ${FORMAT}`, REST]],
  // refused, and the data are passed over
  ['ms a 3 Mz\r\nabc\r\n', ['ms error CLIENT_ERROR invalid mode for ms M token']],
  ['ms a 3 c c q\r\nabc\r\n', ['ms error CLIENT_ERROR duplicate flag']],
  ['ms a 3 b\r\nabc\r\n', ['ms error CLIENT_ERROR error decoding key']],
  [`set a 0 0 ${TOO_LARGE.length}\r\n${TOO_LARGE}\r\n`, [`set ${LARGE}`]],
  [`set a 0 0 ${TOO_LARGE.length} noreply\r\n${TOO_LARGE}\r\n`, ['set silent ']],
  [`set a 0 0 ${TOO_LARGE.length}\r\n${TOO_LARGE}too long\r\n`, [`set ${LARGE}`, REST]],
  [`ms a ${TOO_LARGE.length}\r\n${TOO_LARGE}\r\n`, [`ms ${LARGE}`]],
  // accepted, though it does not look so
  ['set a +1 -1 +3 what\r\nabc\r\n', ['set ok STORED']],
  ['set a 0 0 4294967299\r\nabc\r\n', ['set ok STORED']],
  ['set  a  0  0  3  noreply \r\nabc\r\n', ['set silent ']],
  [' get  key  \r\n', ['get ok VALUE']],
  ['set k\xc3\xbc 0 0 2\r\n\xc3\xbc\r\nget k\xc3\xbc\r\n', ['set ok STORED', 'get ok VALUE']],
  // without data
  [`get key ${LONG_KEY}\r\n`, [`get ${FORMAT}`]],
  [`gat 1 ${LONG_KEY}\r\n`, [`gat ${FORMAT}`]],
  [`touch ${LONG_KEY} 1\r\ntouch ${LONG_KEY} 1 noreply\r\n`, [`touch ${FORMAT}`, 'touch silent ']],
  [
    'touch key x\r\ntouch key x noreply\r\ntouch key\r\n',
    ['touch error CLIENT_ERROR invalid exptime argument', 'touch silent ', 'touch error ERROR'],
  ],
  [
    'incr key 1\r\nincr key x noreply\r\nincr a 1 2 noreply\r\n',
    ['incr error CLIENT_ERROR cannot increment or decrement non-numeric value', 'incr silent ', 'incr error ERROR'],
  ],
  [
    'delete a 5 noreply\r\ndelete a 0 0 noreply\r\ndelete noreply\r\n',
    ['delete silent ', 'delete error ERROR', 'delete ok NOT_FOUND'],
  ],
  ['get\r\ngat\r\ngats 1\r\n', ['get error ERROR', 'gat error ERROR', 'gats ok END']],
  ['flush_all 0 0 noreply\r\nverbosity noreply\r\n', ['flush_all error ERROR', 'verbosity silent ']],
  ['\r\n\r\nbogus noreply\r\nGET key\r\n', [REST, REST, 'bogus error ERROR', 'GET error ERROR']],
  ['mset a 0 0 3\r\n\x01\xff\r\n', ['mset error ERROR', REST]],
]

const ASKED_LAST = 'get key\r\nmn\r\n'
const TOLD_LAST = ['get ok VALUE', 'mn ok MN']

test('against memcached: what it refuses is told as it says, and what follows gets its own answer', async (t) => {
  const started = await startMemcached(t, 1)
  if (started === undefined) return
  const { server, port } = started
  const proxy = new RecordingProxy(port)
  try {
    const proxyPort = await proxy.listen()
    for (const [sent, expected] of REFUSED) {
      const direct = new RawClient(port)
      await direct.ask('set key 0 0 5\r\nvalue\r\n', 'STORED\r\n')
      await direct.close()
      const client = new RawClient(proxyPort)
      const answers = await client.ask(sent + ASKED_LAST, 'MN\r\n')
      await client.close()
      const { chunks } = proxy.recordings.at(-1)!
      const steps = chunks.map(({ direction, bytes }): Step => [direction === 0 ? '>' : '<', bytes])
      const told = toldOf(steps, sent.length > TOO_LARGE.length)
      assert.deepEqual(told, inOrder([...expected, ...TOLD_LAST]), JSON.stringify([sent.slice(0, 60), answers]))
    }
  } finally {
    await proxy.close()
    await stopServer(server)
  }
})

/** Those without an answer, then those with one, each in the order in which they were asked. */
function toldOf(steps: readonly Step[], large: boolean): string[] {
  const told = large ? new Transcript(memcached).play(steps).close() : playEveryWay(memcached, steps)
  return inOrder(toldLines(told))
}

function inOrder(lines: readonly string[]): string[] {
  return [...lines.filter((line) => line.includes(' silent ')), ...lines.filter((line) => !line.includes(' silent '))]
}

test('a server that takes the data of what it refuses for data: no answer is given to them', () => {
  const told = playEveryWay(memcached, [
    ['>', `set ${LONG_KEY} 0 0 3\r\nabc\r\nget a\r\n`],
    ['<', 'CLIENT_ERROR bad command line format\r\nEND\r\n'],
    ['>', 'get b\r\n'],
    ['<', 'END\r\n'],
  ])
  const expected = [`set ${FORMAT}`, '(no command) unknown ', 'get ok END', 'get ok END']
  assert.deepEqual(toldLines(told), expected)
})

test('a server that refuses what memcached takes: the errors of its data are nobody else’s', () => {
  for (const data of ['abc', 'a\r\nb']) {
    const errors = 'ERROR\r\n'.repeat(data.split('\r\n').length)
    const told = playEveryWay(memcached, [
      ['>', `set a 99999999999 0 ${data.length}\r\n${data}\r\nget a\r\nbogus\r\n`],
      ['<', `CLIENT_ERROR bad command line format\r\n${errors}END\r\nERROR\r\n`],
      ['>', 'get b\r\n'],
      ['<', 'END\r\n'],
    ])
    assert.deepEqual(toldLines(told), [`set ${FORMAT}`, 'get ok END', 'bogus error ERROR', 'get ok END'])
  }
})

function toldLines(told: readonly Told[]): string[] {
  return told.map((e) => `${e.command} ${e.status} ${e.statusText}`)
}
