import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { TerminalMessages } from '../../../src/output/messages/messages.ts'
import { Progress } from '../../../src/output/messages/progress.ts'

class FakeSource {
  name = 'trace.pcap'
  totalBytes = 697_000_000
  consumedBytes = 0
  read(): number {
    return 0
  }
  stop(): void {}
  async close(): Promise<void> {}
}

interface Bench {
  source: FakeSource
  counts: { packets: number; connections: number }
  messages: TerminalMessages
  progress: Progress
  /** Moves the clock and calls update; what is written until then. */
  at(millis: number): string
  written(): string
}

function bench(t: TestContext, columns = 200): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-progress-'))
  const path = join(folder, 'stderr')
  const fd = openSync(path, 'w')
  t.after(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })
  let now = 1000
  const messages = new TerminalMessages(fd, { info: true, notes: true })
  const counts = { packets: 500, connections: 0 }
  const progress = new Progress(
    messages,
    () => columns,
    () => counts,
    () => now,
  )
  let seen = 0
  const written = (): string => {
    const text = readFileSync(path, 'utf8').slice(seen)
    seen += text.length
    return text
  }
  const at = (millis: number): string => {
    now = 1000 + millis
    progress.update()
    return written()
  }
  return { source: new FakeSource(), counts, messages, progress, at, written }
}

const ERASE = '\r\x1b[K'

test('a line with bytes, rate, connections and what is left; five times a second at most', (t) => {
  const b = bench(t)
  b.progress.begin(b.source)
  assert.equal(b.at(100), '', 'short work shows nothing')
  b.source.consumedBytes = 312_400_000
  b.counts.packets = 1_200_500
  b.counts.connections = 64
  assert.equal(
    b.at(1000),
    `${ERASE}trace.pcap  312.4 MB of 697.0 MB (44%)  1.2 M packets/s  64 connections  1.2 s left`,
  )
  assert.equal(b.at(1150), '')
  assert.match(b.at(1200), /left$/)
  b.progress.end()
  assert.equal(b.written(), ERASE)
  assert.equal(b.at(9000), '', 'nothing after the end')
  b.progress.end()
  assert.equal(b.written(), '')
})

test('messages come on a line of their own and the line comes back', (t) => {
  const b = bench(t)
  b.progress.begin(b.source)
  b.messages.note('before it was ever drawn')
  assert.equal(b.written(), 'tcpflow: before it was ever drawn\n')
  assert.match(b.at(1000), /^\r\x1b\[Ktrace/)
  b.messages.note('refused')
  assert.equal(b.written(), `${ERASE}tcpflow: refused\n`)
  b.messages.note('again')
  assert.equal(b.written(), 'tcpflow: again\n')
  assert.match(b.at(1200), /^\r\x1b\[Ktrace/)
})

test('it fits the width, and file names cannot move the cursor', (t) => {
  for (const columns of [5, 30, 60, 80]) {
    const b = bench(t, columns)
    b.source.name = `/a/long/way/to/${'x'.repeat(100)}\x1b[2J.pcap`
    b.progress.begin(b.source)
    const line = b.at(1000)
    assert.ok(line.startsWith(ERASE))
    const shown = line.slice(ERASE.length)
    assert.ok([...shown].length < Math.max(columns, 11), shown)
    assert.ok(!/[\x00-\x1f]/.test(shown), JSON.stringify(shown))
    if (columns >= 60) assert.match(shown, /0 bytes of 697.0 MB/, 'the numbers matter more than the name')
  }
})

test('a source of unknown length, and a second file', (t) => {
  const b = bench(t)
  b.source.totalBytes = -1
  b.source.consumedBytes = 5000
  b.progress.begin(b.source)
  assert.equal(b.at(1000), `${ERASE}trace.pcap  5.0 kB  0 packets/s  0 connections`)
  const second = new FakeSource()
  second.name = 'two.pcap'
  second.consumedBytes = second.totalBytes + 1
  b.progress.begin(second)
  assert.equal(b.at(1200), '')
  assert.match(b.at(2000), /two\.pcap {2}697\.0 MB of 697\.0 MB \(100%\) {2}0 packets\/s {2}0 connections$/)
})
