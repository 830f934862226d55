import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Direction } from '../../../src/core/connection.ts'
import type { ConsoleSink } from '../../../src/output/console/console-sink.ts'
import type { ConsolePlan } from '../../../src/plan.ts'
import { assertGolden } from '../../support/golden.ts'
import { at, connectionOf, connectionOf6, datagramOf, noPacket, type Story, shown } from './console-fixture.ts'

process.env.TZ = 'UTC'

async function text(plan: Partial<ConsolePlan>, tell: (sink: ConsoleSink, story: Story) => void): Promise<string> {
  return (await shown(plan, tell)).toString('utf8')
}

/** Two connections, a pause, a gap, a reset: everything that the console can show. */
function everything(sink: ConsoleSink, story: Story): void {
  const [a, b] = [connectionOf(1), connectionOf(2)]
  story.open(a).data(a, 0, 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n')
  story.at(12.5).open(b).data(b, 0, 'HELO wörld\r\n')
  story.at(20).data(a, 1, 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n')
  story.at(21).data(a, 1, Buffer.from('caf\xc3', 'latin1'))
  story.at(22).data(a, 1, Buffer.from('\xa9 \x1b[31mred\x1b[0m\x07\r!\n', 'latin1'))
  story.at(30).gap(a, 1, 1460).data(a, 1, 'after the gap\n')
  sink.noteKernelDrops(12)
  story.at(31).gap(a, 1, 1, 'capture').data(a, 1, 'x')
  story.at(32).gap(b, 0, 500, 'snaplen')
  story.at(400).data(b, 0, 'after a pause')
  story.at(401).close(b, 'reset')
  story
    .at(500)
    .data(a, 0, Buffer.from([0, 1, 2, 0xff]))
    .close(a)
  const g = datagramOf('datagram', 501)
  sink.onDatagram(g, noPacket)
}

const plans: Record<string, Partial<ConsolePlan>> = {
  text: {},
  'text-color': { color: true },
  'text-color-time': { color: true, timestamps: true },
  'text-time': { timestamps: true },
  'text-ascii': { asciiOnly: true },
  'text-without-names': { names: false },
  'text-without-newlines': { newline: false },
  'text-first-10-bytes': { maximumBytes: 10 },
  'text-gaps-skipped': { gaps: 'skip' },
  binary: { format: 'binary' },
  'binary-marked': { format: 'binary', gaps: 'mark' },
  'binary-color': { format: 'binary', color: true },
  hex: { format: 'hex' },
  'hex-color': { format: 'hex', color: true },
  'hex-without-names': { format: 'hex', names: false },
}

for (const [name, plan] of Object.entries(plans)) {
  test(`golden: ${name}`, async () => {
    assertGolden(`console/${name}.txt`, await shown(plan, everything))
  })
}

test('golden: summary', async () => {
  assertGolden('console/summary.txt', await shown({}, everything, { summary: true }))
})

test('golden: names over IPv6, of datagrams, and with control characters', async () => {
  const bytes = await shown(
    {},
    (sink, story) => {
      const c = connectionOf6(1)
      story.open(c).data(c, 0, 'hello')
      sink.onDatagram(datagramOf('one', 1), noPacket)
      sink.onDatagram(datagramOf('', 2), noPacket)
      const g = datagramOf('cut', 3)
      g.vlanId = 42
      g.family = 6
      g.missingBytes = 7
      sink.onDatagram(g, noPacket)
    },
    { nameOf: (c) => `${c.endpoints[0]}\x1b]0;title\x07\n` },
  )
  assertGolden('console/names.txt', bytes)
})

test('deliveries of one flow are one block until another flow speaks', async () => {
  const [a, b] = [connectionOf(1), connectionOf(2)]
  const seen = await text({}, (_, story) => {
    story.open(a, b).data(a, 0, 'one ').data(a, 0, 'two').data(b, 0, 'other').data(a, 0, 'three').data(a, 1, 'four')
  })
  assert.equal(seen, 'c1-s: one two\nc2-s: other\nc1-s: three\ns-c1: four\n')
})

test('a pause of 200 ms of capture time ends a block, told by the next delivery or by the clock', async () => {
  const tell = (clock: boolean) => (sink: ConsoleSink, story: Story) => {
    const a = connectionOf(1)
    story.open(a).at(0).data(a, 0, 'one ').at(199.9).data(a, 0, 'two ')
    if (clock) for (let t = 240; t <= 600; t += 50) sink.onClock(at(t))
    story.at(399.9).data(a, 0, 'three')
  }
  const expected = 'c1-s: one two \nc1-s: three\n'
  assert.equal(await text({}, tell(false)), expected)
  assert.equal(await text({}, tell(true)), expected)
})

test('time that goes back does not end a block', async () => {
  const a = connectionOf(1)
  const seen = await text({}, (_, story) => {
    story.open(a).at(1000).data(a, 0, 'one ').at(0).data(a, 0, 'two')
  })
  assert.equal(seen, 'c1-s: one two\n')
})

test('a character cut by another flow is finished in the next block of its own', async () => {
  const [a, b] = [connectionOf(1), connectionOf(2)]
  const euro = Buffer.from('€')
  const seen = await text({}, (_, story) => {
    story.open(a, b).data(a, 0, euro.subarray(0, 2)).data(b, 0, 'x\r').data(a, 0, euro.subarray(2)).data(b, 0, '\ny')
  })
  assert.equal(seen, 'c1-s: \nc2-s: x\nc1-s: €\nc2-s: \r\ny\n')
})

test('an unfinished character becomes dots at a pause, a gap, the limit, the close and the end', async () => {
  const half = Buffer.from('a€').subarray(0, 3)
  const a = connectionOf(1)
  const b = connectionOf(2)
  const pause = await text({}, (sink, story) => {
    story.open(a).data(a, 0, half)
    sink.onClock(at(250))
  })
  assert.equal(pause, 'c1-s: a..\n')
  const pauseByOther = await text({}, (_, story) => {
    story.open(a, b).data(a, 0, half).at(250).data(b, 0, 'x')
  })
  assert.equal(pauseByOther, 'c1-s: a..\nc2-s: x\n')
  for (const gaps of ['hole', 'skip'] as const) {
    const gap = await text({ gaps }, (_, story) => {
      story
        .open(a)
        .data(a, 0, half)
        .gap(a, 0, 9)
        .data(a, 0, Buffer.from([0xac]))
    })
    assert.equal(gap, gaps === 'hole' ? 'c1-s: a..[9 bytes missing].\n' : 'c1-s: a...\n')
  }
  const limit = await text({ maximumBytes: 3 }, (_, story) => {
    story.open(a).data(a, 0, 'a€').data(a, 0, 'more').gap(a, 0, 5)
  })
  assert.equal(limit, 'c1-s: a..\n')
  const close = await text({}, (_, story) => {
    story.open(a, b).data(a, 0, half).data(b, 0, 'x').close(a).data(b, 0, 'y')
  })
  assert.equal(close, 'c1-s: a\nc2-s: x\nc1-s: ..\nc2-s: y\n')
  const end = await text({}, (_, story) => {
    story.open(a).data(a, 0, half)
  })
  assert.equal(end, 'c1-s: a..\n')
})

test('a slot used again starts afresh', async () => {
  const [a, b] = [connectionOf(1, 0), connectionOf(2, 0)]
  const seen = await text({ maximumBytes: 5 }, (_, story) => {
    story.open(a).data(a, 0, '12345678').close(a).open(b).data(b, 0, 'abcdefgh').close(b)
  })
  assert.equal(seen, 'c1-s: 12345\nc2-s: abcde\n')
})

test('late bytes are counted, not shown', async () => {
  const a = connectionOf(1)
  let lateBytes = 0
  const seen = await text({}, (sink, story) => {
    story.open(a).gap(a, 0, 4).data(a, 0, 'x').late(a, 0, 0, 'late')
    lateBytes = sink.lateBytes
  })
  assert.equal(seen, 'c1-s: [4 bytes missing]x\n')
  assert.equal(lateBytes, 4)
})

test('colour never reaches over a line end, and is off at the end of everything', async () => {
  const payload = fc.array(fc.constantFrom('a', '\r\n', '\n', '\r', '\x1b[31m', 'é', 'longer than sixteen bytes '))
  const events = fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 3 }),
      d: fc.constantFrom<Direction>(0, 1),
      payload,
      gap: fc.boolean(),
    }),
  )
  await fc.assert(
    fc.asyncProperty(events, fc.boolean(), async (list, newline) => {
      const tell = (_: ConsoleSink, story: Story): void => {
        const connections = [1, 2, 3].map((id) => connectionOf(id))
        story.open(...connections)
        for (const { id, d, payload: parts, gap } of list) {
          const c = connections[id - 1]!
          if (gap) story.gap(c, d, 10)
          if (parts.length > 0) story.data(c, d, parts.join(''))
        }
      }
      const painted = await text({ color: true, newline }, tell)
      for (const line of painted.split('\n')) {
        const codes = line.match(/\x1b\[[0-9;]*m/g) ?? []
        assert.ok(codes.length === 0 || codes.at(-1) === '\x1b[0m', JSON.stringify(line))
        // nothing but our own sequences
        assert.doesNotMatch(line.replace(/\x1b\[(0|7|38;5;\d+|1;38;5;\d+)m/g, ''), /\x1b/)
      }
      assert.equal(painted.replace(/\x1b\[[0-9;]*m/g, ''), await text({ newline }, tell))
    }),
    { seed: 99, numRuns: 60 },
  )
})

test('without names and newlines the bytes of a flow are exact in binary, however they come', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1 })),
      fc.integer({ min: 0, max: 300 }),
      async (parts, step) => {
        const a = connectionOf(1)
        const seen = await shown({ format: 'binary', names: false, newline: false }, (_, story) => {
          story.open(a)
          parts.forEach((part, i) => {
            story.at(i * step).data(a, 0, Buffer.from(part))
          })
          story.close(a)
        })
        assert.deepEqual(seen, Buffer.concat(parts))
      },
    ),
    { seed: 5, numRuns: 50 },
  )
})

test('long deliveries go through whole in every format', async () => {
  const long = Buffer.alloc(300_000, 'line ünd 日本\r\n\n')
  const a = connectionOf(1)
  const tell = (_: ConsoleSink, story: Story): void => {
    story.open(a).data(a, 0, long)
  }
  const plain = { names: false, newline: false }
  assert.ok((await shown(plain, tell)).equals(long))
  assert.ok((await shown({ ...plain, format: 'binary' }, tell)).equals(long))
  const painted = (await shown({ ...plain, color: true }, tell)).toString()
  assert.ok(painted.replaceAll(/\x1b\[[0-9;]*m/g, '') === long.toString())
  const hex = (await shown({ ...plain, format: 'hex' }, tell)).toString('latin1')
  const bytes = hex
    .split('\n')
    .map((line) => line.slice(line.indexOf(':') + 2).slice(0, 80))
    .join('')
    .replaceAll(' ', '')
  assert.ok(Buffer.from(bytes, 'hex').equals(long))
})
