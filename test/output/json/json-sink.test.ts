import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arena } from '../../../src/core/arena.ts'
import type { StreamConsumer } from '../../../src/core/consumers.ts'
import { JsonSink } from '../../../src/output/json/json-sink.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import type { JsonPlan } from '../../../src/plan.ts'
import { assertGolden } from '../../support/golden.ts'
import { at, connectionOf, connectionOf6, datagramOf, noPacket, Story, Written } from '../console/console-fixture.ts'

/** Payload comes as in a run: it lies in the arena, here at the very end of it. */
function throughArena(sink: JsonSink, { memory }: Arena): StreamConsumer {
  return {
    onOpen: (c, t) => sink.onOpen(c, t),
    onData(c, d, offset, buf, start, end, t) {
      const whole = Buffer.from(memory.buffer)
      buf.copy(whole, whole.length - (end - start), start, end)
      sink.onData(c, d, offset, whole, whole.length - (end - start), whole.length, t)
    },
    onLateData: (c, d, offset, buf, start, end, t) => sink.onLateData(c, d, offset, buf, start, end, t),
    onGap: (c, d, offset, missing, cause, t) => sink.onGap(c, d, offset, missing, cause, t),
    onClose: (c, why, t) => sink.onClose(c, why, t),
  }
}

async function lines(
  plan: Partial<JsonPlan>,
  tell: (sink: JsonSink, story: Story) => void,
  inArena = false,
): Promise<string> {
  const arena = new Arena(1 << 20)
  const written = new Written()
  const sink = new JsonSink({
    arena,
    plan: { nameTemplate: '%A', payload: 'text', maximumBytes: Number.POSITIVE_INFINITY, ...plan },
    stream: new OutputStream(written.fd, inArena ? { buffer: arena.allocate(1 << 18) } : {}),
    nameOf: (c, d) => (d === 0 ? `c${c.id}-s` : `s-c${c.id}`),
  })
  tell(sink, new Story(inArena ? throughArena(sink, arena) : sink))
  await sink.finish()
  return written.take().toString()
}

interface Line {
  event: string
  offset: number
  length: number
  text?: string
  base64?: string
}

function parse(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

function bytesOf(line: Line): Buffer {
  return line.text === undefined ? Buffer.from(line.base64!, 'base64') : Buffer.from(line.text)
}

function everything(sink: JsonSink, story: Story): void {
  const [a, b] = [connectionOf(1), connectionOf6(2)]
  a.vlanId = 42
  b.openerKnown = false
  b.resumed = true
  story.open(a).data(a, 0, 'GET / HTTP/1.1\r\n\r\n')
  story
    .at(0.001)
    .open(b)
    .data(b, 1, Buffer.from([0x16, 3, 1, 0xff]))
  story.at(10).data(a, 1, Buffer.from('caf\xc3', 'latin1')).data(a, 1, Buffer.from('\xa9\x1b[31m "x"', 'latin1'))
  story.at(11).data(a, 1, '\u202e\u200b\u2028\x7f\u0085')
  story.at(12).gap(a, 1, 1460, 'capture').data(a, 1, 'after').late(a, 1, 14, 'late')
  a.handshakeMicros = 412.5
  b.streams[1].sawReset = true
  story.at(1500.25).close(a).close(b, 'reset')
  const g = datagramOf('query', 1501)
  g.vlanId = 7
  g.missingBytes = 3
  sink.onDatagram(g, noPacket)
}

for (const payload of ['text', 'base64', 'none'] as const) {
  test(`golden: ${payload}`, async () => {
    assertGolden(`json/${payload}.jsonl`, await lines({ payload }, everything))
  })
}

test('the bytes of a flow come back exactly, as text wherever they are text', async () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1 }).map((text) => Buffer.from(text)),
    fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece),
      fc.constantFrom<JsonPlan['payload']>('text', 'base64'),
      fc.boolean(),
      async (parts, payload, inArena) => {
        const a = connectionOf(1)
        const tell = (_: JsonSink, story: Story) => {
          story.open(a)
          for (const part of parts) story.data(a, 0, part)
          story.close(a)
        }
        const said = await lines({ payload }, tell, inArena)
        let offset = 0
        for (const line of parse(said).filter((each) => each.event === 'data')) {
          assert.equal(line.offset, offset)
          assert.equal(line.length, bytesOf(line).length)
          offset += line.length
        }
        const data = parse(said).filter((each) => each.event === 'data')
        assert.deepEqual(Buffer.concat(data.map(bytesOf)), Buffer.concat(parts))
        // nothing that a terminal would act on, and nothing invisible
        assert.doesNotMatch(said, /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e](?<!\n)/u)
      },
    ),
    { seed: 11, numRuns: 80 },
  )
})

test('every character, escaped or not, is read back as it was', async () => {
  const a = connectionOf(1)
  const points: number[] = []
  for (let p = 0; p < 0x11000; p++) if (p < 0xd800 || p > 0xdfff) points.push(p)
  for (let p = 0x11000; p <= 0x10ffff; p += 61) points.push(p)
  for (let p = 0xe0000; p < 0xe1000; p++) points.push(p)
  for (let from = 0; from < points.length; from += 20_000) {
    const text = points
      .slice(from, from + 20_000)
      .map((p) => `${String.fromCodePoint(p)}"`)
      .join('')
    const said = await lines({}, (_, story) => {
      story.open(a).data(a, 0, text)
    })
    assert.ok(parse(said)[1]!.text === text, `code points from U+${points[from]!.toString(16)} on`)
    assert.doesNotMatch(said, /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028-\u202e\ufff9-\ufffb](?<!\n)/u)
  }
})

test('text cut anywhere stays text', async () => {
  const bytes = Buffer.from('naïve 日本語 😀 “quoted”')
  for (let cut = 1; cut < bytes.length; cut++) {
    const a = connectionOf(1)
    const said = await lines({}, (_, story) => {
      story.open(a).data(a, 0, bytes.subarray(0, cut)).data(a, 0, bytes.subarray(cut))
    })
    const data = parse(said).filter((each) => each.event === 'data')
    assert.ok(
      data.every((line) => line.text !== undefined),
      `cut at ${cut}`,
    )
    assert.equal(data.map((line) => line.text).join(''), bytes.toString())
  }
})

test('an unfinished character is not lost at a gap', async () => {
  const a = connectionOf(1)
  const said = await lines({}, (_, story) => {
    story
      .open(a)
      .data(a, 0, Buffer.from([0x41, 0xe2, 0x82]))
      .gap(a, 0, 10)
      .data(a, 0, 'z')
  })
  assert.deepEqual(
    parse(said)
      .slice(1)
      .map(({ event, offset, length }) => [event, offset, length]),
    [
      ['data', 0, 1],
      ['data', 1, 2],
      ['gap', 3, 10],
      ['data', 13, 1],
    ],
  )
})

test('maximumBytes bounds a flow', async () => {
  const a = connectionOf(1)
  const said = await lines({ maximumBytes: 5 }, (_, story) => {
    story.open(a).data(a, 0, 'abc').data(a, 0, 'defg').data(a, 0, 'hij').data(a, 1, 'reply')
  })
  const data = parse(said).filter((each) => each.event === 'data')
  assert.deepEqual(
    data.map((line) => line.text),
    ['abc', 'de', 'reply'],
  )
})

test('a time beyond all calendars does not throw', async () => {
  const a = connectionOf(1)
  const said = await lines({}, (sink) => {
    const t = at(0)
    t.seconds = 2 ** 52
    sink.onOpen(a, t)
    t.seconds = -5
    sink.onOpen(a, t)
  })
  assert.match(said, /"9999-12-31T23:59:59\.000000Z"/)
  assert.match(said, /"1970-01-01T00:00:00\.000000Z"/)
})
