import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { DecodeBodies } from '../../src/transform/decode-bodies.ts'
import { UnpackBudget } from '../../src/transform/unpack-budget.ts'
import { chunked, Feeder, StreamRecorder } from './stream-recorder.ts'

function start(): { recorder: StreamRecorder; feeder: Feeder } {
  const recorder = new StreamRecorder()
  return { recorder, feeder: new Feeder(new DecodeBodies(recorder, new UnpackBudget())) }
}

const GET = 'GET / HTTP/1.1\r\n\r\n'

describe('--decode', () => {
  test('a chunked gzip body becomes readable, in one delivery with its head', () => {
    const { recorder, feeder } = start()
    const head = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n'
    feeder.data('>', GET)
    feeder.data('<', Buffer.concat([Buffer.from(head), chunked(gzipSync('{"a": 1}'), 5, 'X: y\r\n')]))
    feeder.close()
    assert.deepEqual(recorder.events, ['open', `> ${GET}`, `< ${head}{"a": 1}\r\nX: y\r\n`, 'close'])
  })

  test('what needs no decoding passes where it lies', () => {
    const recorder = new StreamRecorder()
    const adapter = new DecodeBodies(recorder, new UnpackBudget())
    const { c } = new Feeder(adapter)
    const bytes = Buffer.from(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nho',
    )
    adapter.onData(c, 1, 0, bytes, 0, bytes.length, c.openTime)
    assert.deepEqual(recorder.events, ['open', `< ${bytes.toString()}`])
    assert.equal(recorder.buffers[0], bytes)
  })

  test('what is not HTTP passes byte for byte, at once', () => {
    const { recorder, feeder } = start()
    for (const [arrow, text] of [
      ['>', '*1\r\n$4\r\nPING\r\n'],
      ['<', '+PONG\r\n'],
      ['>', '\x16\x03\x01'],
    ] as const) {
      feeder.data(arrow, text)
      assert.equal(recorder.events.at(-1), `${arrow} ${text}`)
    }
    assert.equal(recorder.events.length, 4)
  })

  test('an unfinished request is seen while it hangs', () => {
    const { recorder, feeder } = start()
    feeder.data('>', 'POST /slow HTTP/1.1\r\nHost')
    assert.equal(recorder.events.at(-1), '> POST /slow HTTP/1.1\r\nHost')
  })

  test('large bodies are delivered in order and whole', () => {
    const body = Buffer.from(Array.from({ length: 500_000 }, (_, i) => Math.imul(i, 2654435761) >>> 21))
    for (const piece of [Number.POSITIVE_INFINITY, 100_000, 1460]) {
      const { recorder, feeder } = start()
      const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
      feeder.data('<', Buffer.concat([Buffer.from(head), chunked(body, 70_000)]), piece)
      feeder.close()
      assert.ok(recorder.bytes('<') === head + body.toString('latin1'))
    }
  })

  test('a gap in a compressed body: the mark, then one remark', () => {
    const { recorder, feeder } = start()
    const body = gzipSync('x'.repeat(100), { level: 0 })
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nContent-Encoding: gzip\r\n\r\n`
    feeder.data('<', Buffer.concat([Buffer.from(head), body.subarray(0, 35)]))
    feeder.gap('<', 10)
    feeder.data('<', Buffer.concat([body.subarray(45), Buffer.from('HTTP/1.1 204 No\r\n\r\n')]), 20)
    assert.deepEqual(recorder.events.slice(1), [
      `< ${head}${'x'.repeat(20)}`,
      'gap 10 <',
      '< [gzip body has bytes missing: the rest is left out]',
      '< HTTP/1.1 204 No\r\n\r\n',
    ])
  })

  test('both directions in one call stay apart', () => {
    const { recorder, feeder } = start()
    feeder.data('>', 'CONNECT h:1 HTTP/1.1\r\n\r\n').data('>', 'GET /unfinis')
    feeder.data('<', 'HTTP/1.1 200 OK\r\n\r\nraw')
    feeder.data('>', 'hed')
    assert.deepEqual(recorder.events.slice(1), [
      '> CONNECT h:1 HTTP/1.1\r\n\r\n',
      '< HTTP/1.1 200 OK\r\n\r\n',
      '> GET /unfinis',
      '< raw',
      '> hed',
    ])
  })

  test('late data passes on; a used-again slot starts afresh', () => {
    const recorder = new StreamRecorder()
    const adapter = new DecodeBodies(recorder, new UnpackBudget())
    const first = new Feeder(adapter)
    first.data('<', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    adapter.onLateData(first.c, 1, 7, Buffer.from('x'), 0, 1, first.c.openTime)
    first.close()
    new Feeder(adapter).data('<', 'SSH-2.0-x\r\n').close()
    assert.deepEqual(recorder.events.slice(2), ['late at 7', 'close', 'open', '< SSH-2.0-x\r\n', 'close'])
  })

  test('any bytes: no throw, the same bytes however they are cut', () => {
    const gzipped = gzipSync('hello '.repeat(20)).toString('latin1')
    const words = [
      GET,
      'HTTP/1.1 200 OK\r\n',
      'Content-Encoding: gzip\r\n',
      'Content-Encoding: br\r\n',
      'Content-Length: 40\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      `${gzipped.length.toString(16)}\r\n${gzipped}\r\n0\r\n\r\n`,
      gzipped,
      '0\r\n\r\n',
    ]
    const stream = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 15 })
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 30 }), (parts, piece) => {
        const whole = start()
        whole.feeder.data('<', parts.join('')).close()
        const cut = start()
        cut.feeder.data('<', parts.join(''), piece).close()
        assert.equal(cut.recorder.bytes('<'), whole.recorder.bytes('<'))
      }),
      { seed: 8, numRuns: 1500 },
    )
  })
})
