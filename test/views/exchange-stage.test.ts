import assert from 'node:assert/strict'
import test from 'node:test'
import { ExchangeHosts } from '../../src/core/exchange-hosts.ts'
import { Packet } from '../../src/core/packet.ts'
import { Datagram } from '../../src/core/segment.ts'
import type { TimedExchangeConsumer } from '../../src/core/timed-exchange.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { makeHistogram } from '../../src/latency/histograms.ts'
import { LatencyTable } from '../../src/latency/latency-table.ts'
import { Slowest } from '../../src/latency/slowest.ts'
import { ExchangeStage } from '../../src/views/exchange-stage.ts'
import { answer, query } from '../protocol/dns/dns-builder.ts'
import { Conversation } from '../support/conversation.ts'

const REQUEST = 'GET / HTTP/1.1\r\n\r\n'
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

function stageOf(waitsForEnd: boolean, ...listeners: TimedExchangeConsumer['onTimedExchange'][]): ExchangeStage {
  const options = {
    protocol: 'auto',
    timeoutMillis: 5000,
    waitsForEnd,
    hosts: new ExchangeHosts(undefined),
    messages: { info: () => undefined },
  }
  return new ExchangeStage(
    options,
    listeners.map((onTimedExchange) => ({ onTimedExchange })),
  )
}

/** A request, and its answer after so many milliseconds; the capture ends so many after that. -1: no answer. */
function told(waitsForEnd: boolean, answerMillis: number, endMillis: number): string[] {
  const lines: string[] = []
  const stage = stageOf(waitsForEnd, ({ exchange, latencyMicros }) =>
    lines.push(`${exchange.status} ${Math.round(latencyMicros / 1000)}${exchange.late ? ' late' : ''}`),
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

/** A DNS query over UDP and its answer after so many seconds; the capture ends two minutes after the query. */
function toldOfDatagrams(waitsForEnd: boolean, answerSeconds: number): string[] {
  const lines: string[] = []
  const table = new LatencyTable(() => 'all', makeHistogram)
  const slowest = new Slowest(1, ({ latencyMicros }) => `slowest ${latencyMicros / 1e6}`)
  const stage = stageOf(
    waitsForEnd,
    ({ exchange, latencyMicros }) =>
      lines.push(`${exchange.status} ${latencyMicros / 1e6}${exchange.late ? ' late' : ''}`),
    (timed) => table.onTimedExchange(timed),
    (timed) => slowest.onTimedExchange(timed),
  )
  const { datagrams, onLastMoment, onTrafficOver } = stage.attachment()
  const give = (payload: Buffer, sourcePort: number, destinationPort: number, time: Timestamp): void => {
    const d = new Datagram()
    d.time.set(time)
    Object.assign(d, { sourcePort, destinationPort, buf: payload, payloadEnd: payload.length })
    for (const each of datagrams) each.onDatagram(d, new Packet())
  }
  const now = new Timestamp(1_700_000_000)
  give(query(), 40000, 53, now)
  for (let second = 1; second <= 120; second++) {
    now.seconds++
    stage.onClock(now)
    if (second === answerSeconds) give(answer(), 53, 40000, now)
  }
  onLastMoment(now)
  onTrafficOver()
  const { requests, unanswered, timed, maximumMicros } = table.total
  return [
    ...lines,
    `of ${requests} ${unanswered} unanswered, ${timed} up to ${maximumMicros / 1e6}`,
    ...slowest.lines(),
  ]
}

test('so it is with datagrams, of which a late answer is waited for no longer than a minute', () => {
  const answered = ['of 1 0 unanswered, 1 up to 30', 'slowest 30']
  assert.deepEqual(toldOfDatagrams(false, 30), ['unanswered -0.000001', 'ok 30 late', ...answered])
  assert.deepEqual(toldOfDatagrams(true, 30), ['ok 30', ...answered])
  for (const waitsForEnd of [true, false]) {
    assert.deepEqual(toldOfDatagrams(waitsForEnd, 3), ['ok 3', 'of 1 0 unanswered, 1 up to 3', 'slowest 3'])
    for (const never of [-1, 90]) {
      assert.deepEqual(toldOfDatagrams(waitsForEnd, never), ['unanswered -0.000001', 'of 1 1 unanswered, 0 up to 0'])
    }
  }
})
