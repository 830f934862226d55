import assert from 'node:assert/strict'
import test from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import { ExchangeStage } from '../../src/views/exchange-stage.ts'
import { Conversation } from '../support/conversation.ts'

const REQUEST = 'GET / HTTP/1.1\r\n\r\n'
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** A request, and its answer after so many milliseconds; the capture ends so many after that. -1: no answer. */
function told(waitsForEnd: boolean, answerMillis: number, endMillis: number): string[] {
  const lines: string[] = []
  const stage = new ExchangeStage(
    {
      protocol: 'auto',
      timeoutMillis: 5000,
      waitsForEnd,
      hosts: new ExchangeHosts(undefined),
      messages: { info: () => undefined },
    },
    [
      {
        onTimedExchange: ({ exchange, latencyMicros }) =>
          lines.push(`${exchange.status} ${Math.round(latencyMicros / 1000)}${exchange.late ? ' late' : ''}`),
      },
    ],
  )
  const { streams, onLastMoment } = stage.attachment()
  const talk = new Conversation({ consumer: streams[0]! }).open()
  const wait = (millis: number): void => {
    for (let left = millis; left > 0; left -= 100) {
      talk.skip(Math.min(100, left))
      stage.onClock(talk.time)
    }
  }
  talk.client.send(REQUEST)
  talk.server.ack()
  if (answerMillis >= 0) {
    wait(answerMillis)
    talk.server.send(RESPONSE)
  }
  wait(endMillis)
  onLastMoment(talk.time)
  talk.end()
  return lines
}

test('in files a request is paired however late its answer is', () => {
  assert.deepEqual(told(true, 30_000, 0), ['ok 30002'])
})

test('live it is told when patience ends, and again when the answer comes', () => {
  assert.deepEqual(told(false, 30_000, 0), ['unanswered 0', 'ok 30002 late'])
  assert.deepEqual(told(false, 3000, 10_000), ['ok 3002'])
})

test('without an answer it is told once: unanswered where it had the time for one', () => {
  for (const waitsForEnd of [true, false]) {
    assert.deepEqual(told(waitsForEnd, -1, 30_000), ['unanswered 0'])
    assert.deepEqual(told(waitsForEnd, -1, 1000), ['unknown 0'])
  }
})
