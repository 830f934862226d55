import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import { ConnectionSummary, summaryLine } from '../../../src/output/messages/connection-summary.ts'
import { Notes } from '../../../src/output/messages/notes.ts'
import { at, connectionOf, connectionOf6, Story } from '../console/console-fixture.ts'

function notesOf(tell: (story: Story, notes: Notes) => void): string[] {
  const said: string[] = []
  const notes = new Notes({ note: (line) => said.push(line), info: () => {}, error: () => {} })
  tell(new Story(notes), notes)
  void notes.finish()
  return said
}

function syn(c: Connection, count = 1): Connection {
  c.streams[0].sawSyn = true
  c.streams[0].synPackets = count
  c.streams[0].packets = count
  return c
}

function answered(c: Connection): Connection {
  c.streams[1].sawSyn = true
  c.streams[1].packets = 1
  return c
}

function refused(id: number): Connection {
  const c = syn(connectionOf(id))
  c.streams[1].sawReset = true
  c.streams[1].packets = 1
  return c
}

test('a refused connection', () => {
  const [line, ...more] = notesOf((story) => {
    const c = refused(1)
    story.open(c).close(c, 'reset')
  })
  assert.match(line!, /192\.0\.2\.1:40001 -> 198\.51\.100\.1:80 refused/)
  assert.match(line!, /nothing listens on that port, or a firewall rejects/)
  assert.equal(more.length, 0)
})

test('an unanswered connection says how often and how long, and why if the network told', () => {
  const lines = notesOf((story) => {
    const plain = syn(connectionOf(1), 4)
    const told = syn(connectionOf6(2), 2)
    told.icmpReporter = '2001:db8::99'
    told.icmpFamily = 6
    told.icmpType = 1
    told.icmpCode = 1
    story.open(plain, told).at(7000).close(plain, 'timeout').close(told, 'timeout')
  })
  assert.match(lines[0]!, /unanswered: 4 SYNs and no reply in 7\.0 s/)
  assert.match(lines[1]!, /2001:db8::99 says: administratively prohibited/)
})

test('a handshake that the client never finished', () => {
  const [line] = notesOf((story) => {
    const c = answered(syn(connectionOf(1)))
    story.open(c).at(60_000).close(c, 'timeout')
  })
  assert.match(line!, /the client never acknowledged/)
})

test('a reset says by whom, after how long idle and how many bytes', () => {
  const [line] = notesOf((story) => {
    const c = answered(syn(connectionOf(1)))
    c.handshakeMicros = 100
    story.open(c).data(c, 0, 'x'.repeat(1234)).at(500).data(c, 1, 'yy').at(12_500)
    c.streams[1].sawReset = true
    c.resetIdleMicros = 12_000_000
    story.close(c, 'reset')
  })
  assert.match(line!, /reset by the server after 12\.0 s idle/)
  assert.match(line!, /1,234 bytes from the client, 2 from the server/)
})

test('what ended well, or was only cut by the end of the capture, is no news', () => {
  const lines = notesOf((story) => {
    const finished = answered(syn(connectionOf(1)))
    const open = answered(syn(connectionOf(2)))
    open.handshakeMicros = 5
    const midStream = connectionOf(3)
    story.open(finished, open, midStream).data(finished, 0, 'x').data(midStream, 0, 'y')
    story.close(finished).close(open, 'capture-ended').close(midStream, 'timeout')
  })
  assert.deepEqual(lines, [])
})

test('a flood becomes a line a second for each kind and server, and nothing is left uncounted', () => {
  const lines = notesOf((story) => {
    for (let i = 0; i < 5000; i++) {
      const c = refused((i % 200) + 1)
      story.at(i).open(c).close(c, 'reset')
    }
  })
  assert.ok(lines.length < 5 * 25, `${lines.length} lines`)
  let told = 0
  for (const line of lines) {
    const more = line.match(/^([\d,]+) more connections? to 198\.51\.100\.1:80 were refused$/)
    told += more === null ? 1 : Number(more[1]!.replaceAll(',', ''))
  }
  assert.equal(told, 5000)
})

test('what a flood held back is told by the clock when the flood has ended', () => {
  const said: string[] = []
  const notes = new Notes({ note: (line) => said.push(line), info: () => {}, error: () => {} })
  const story = new Story(notes)
  for (let i = 1; i <= 100; i++) {
    const c = refused(i)
    story.open(c).close(c, 'reset')
  }
  const before = said.length
  notes.onClock(at(2000))
  assert.equal(said.length, before + 1)
  assert.match(said.at(-1)!, /more connections/)
})

test('many servers at once do not make many lines', () => {
  const lines = notesOf((story) => {
    for (let i = 1; i <= 2000; i++) {
      const c = refused(i)
      const server = { ...c.endpoints[1], toString: () => `server-${i}:80` }
      c.endpoints[1] = server as unknown as Connection['endpoints'][1]
      story.open(c).close(c, 'reset')
    }
  })
  assert.ok(lines.length < 100, `${lines.length} lines`)
})

test('the summary of a connection', () => {
  const c = answered(syn(connectionOf(1)))
  const story = new Story({ onOpen() {}, onClose() {} })
  story.open(c).data(c, 0, 'x'.repeat(318)).at(1200).data(c, 1, 'y'.repeat(12_400)).gap(c, 1, 1460)
  c.streams[1].retransmittedBytes = 1448
  c.handshakeMicros = 850
  assert.equal(
    summaryLine(c, 'finished'),
    '192.0.2.1:40001 -> 198.51.100.1:80, 1.2 s, -> 318 bytes in 2 packets, <- 12.4 kB in 2 packets, ' +
      '1.4 kB retransmitted, 1.5 kB missing in 1 gap, handshake 850 µs, finished',
  )
  c.streams[0].sawReset = true
  assert.match(summaryLine(c, 'reset'), /, reset by the client$/)
  assert.match(summaryLine(refused(2), 'reset'), /, refused$/)
  assert.match(summaryLine(syn(connectionOf(3)), 'timeout'), /, unanswered$/)
  c.openerKnown = false
  assert.match(summaryLine(c, 'capture-ended'), /192\.0\.2\.1:40001 <-> 198\.51\.100\.1:80.*still open$/)
})

test('summaries go out one for each close', () => {
  const lines: string[] = []
  const story = new Story(new ConnectionSummary((line) => lines.push(line)))
  const [a, b] = [connectionOf(1), connectionOf(2)]
  story.open(a, b).data(a, 0, 'x').close(b).close(a)
  assert.deepEqual(
    lines.map((line) => line.slice(0, 9)),
    ['192.0.2.2', '192.0.2.1'],
  )
})
