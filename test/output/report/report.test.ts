import assert from 'node:assert/strict'
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { OperatorError } from '../../../src/core/errors.ts'
import { Packet } from '../../../src/core/packet.ts'
import { Segment } from '../../../src/core/segment.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { escapeXml, thisSystem } from '../../../src/output/report/report-xml.ts'
import type { FilesPlan } from '../../../src/plan.ts'
import { assertGolden } from '../../support/golden.ts'
import {
  CLIENT_6,
  contents,
  filesPlan,
  makeFolder,
  SERVER_6,
  Talk,
  temporaryFolder,
  testRun,
} from '../files/file-fixture.ts'

function withReport(folder: string, changes: Partial<FilesPlan> = {}): FileSink {
  return new FileSink(filesPlan(folder, { reportPath: join(folder, 'report.xml'), ...changes }), testRun)
}

/** The report without the test's own folder in it. */
function reportIn(folder: string): string {
  return readFileSync(join(folder, 'report.xml'), 'utf8')
    .replaceAll(folder, 'OUT')
    .replace(/<clocktime>.*?</, '<clocktime><')
}

/** Throws unless the document is well-formed: tags in pairs, attributes quoted, nothing bare between them. */
function assertWellFormed(document: string): void {
  const text = '(?:[^<>&]|&(?:amp|lt|gt|apos|quot);)*'
  const attributes = "(?:\\s+[\\w:]+='(?:[^<>&']|&(?:amp|lt|gt|apos|quot);)*')*"
  const token = new RegExp(`${text}(?:<(/?)([\\w:]+)${attributes}\\s*(/?)>|$)`, 'y')
  token.lastIndex = document.indexOf('?>') + 2
  const open: string[] = []
  while (token.lastIndex < document.length) {
    const at = token.lastIndex
    const found = token.exec(document)
    assert.ok(found !== null, `no XML: ${document.slice(at, at + 200)}`)
    const [, closing, name, empty] = found
    if (name === undefined) break
    if (closing === '/') assert.equal(open.pop(), name)
    else if (empty !== '/') open.push(name)
  }
  assert.deepEqual(open, [])
}

test('the check for well-formed XML can fail', () => {
  assertWellFormed("<?xml?>\n<a x='1'><b/>t &amp; u</a>\n")
  for (const wrong of ['<a><b></a></b>', '<a>', '<a x=1/>', '<a>&</a>', "<a x='<'/>", '<a>></a>', '</a>']) {
    assert.throws(() => assertWellFormed(`<?xml?>${wrong}`), wrong)
  }
})

function tellPacket(sink: FileSink, talk: Talk, d: 0 | 1, length: number, captured = length): void {
  const packet = new Packet()
  packet.originalLength = length
  packet.end = captured
  sink.onSegment(talk.connection, d, new Segment(), packet)
}

test('a report of all that can be in it', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder, { md5: true })
  const web = new Talk(sink)
  tellPacket(sink, web, 0, 74)
  tellPacket(sink, web, 0, 1514, 96)
  tellPacket(sink, web, 1, 60)
  web.packet(0).send(0, 'GET / HTTP/1.1\r\n\r\n').send(1, 'HTTP/1.1 200 OK\r\n').gap(1, 1460).send(1, 'end')
  web.connection.streams[1].outOfOrderSegments = 2
  web.close()
  const six = new Talk(sink, { client: CLIENT_6, server: SERVER_6, vlanId: 12, id: 2 }).send(0, 'x')
  six.connection.streams[0].sourceMacHigh = -1
  six.connection.streams[0].destinationMacHigh = -1
  six.close('reset')
  new Talk(sink, { occurrence: 1, id: 3 }).packet(0).close('timeout')
  await sink.finish()
  const report = reportIn(folder)
  assertWellFormed(report)
  assertGolden('files/report.xml', report)
})

test('merged, a file has two flows', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder, { merge: true })
  new Talk(sink).send(1, '220\r\n').send(0, 'QUIT\r\n').close()
  await sink.finish()
  const report = reportIn(folder)
  assertWellFormed(report)
  assert.equal(report.match(/<fileobject>/g)?.length, 1)
  assert.deepEqual(report.match(/srcport='\d+'/g), ["srcport='50955'", "srcport='80'"])
  assert.match(report, /<total_flows>2</)
})

test('-FX writes the report and nothing else', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder, { flowFiles: false })
  new Talk(sink).send(0, 'hello').send(1, 'world!').close()
  await sink.finish()
  assert.deepEqual(Object.keys(contents(folder)), ['report.xml'])
  const report = reportIn(folder)
  assertWellFormed(report)
  assert.doesNotMatch(report, /<filename>/)
  assert.deepEqual(report.match(/<filesize>\d+/g), ['<filesize>5', '<filesize>6'])
})

test('it is whole when the run ends in the middle of everything', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder)
  new Talk(sink).send(0, 'half')
  sink.flush()
  assert.match(reportIn(folder), /<configuration>\n$/)
  await sink.finish()
  assertWellFormed(reportIn(folder))
  assert.match(reportIn(folder), /<filesize>4</)
})

test('flows without data are listed, a flood of them counted', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder)
  for (let id = 1; id <= 12_000; id++) new Talk(sink, { id }).packet(0).close('timeout')
  new Talk(sink, { id: 12_001 }).send(0, 'data').close()
  await sink.finish()
  const report = reportIn(folder)
  assertWellFormed(report)
  assert.equal(report.match(/<fileobject>/g)?.length, 10_001)
  assert.match(report, /<total_flows>12001</)
  assert.match(report, /<unlisted_flows_without_data>2000</)
  assert.match(report, /<total_packets>12001</)
})

test('lengths on the wire belong to the connection, not to its slot', async (t) => {
  const folder = temporaryFolder(t)
  const sink = withReport(folder, { merge: true })
  for (const [slot, length] of [
    [5, 100],
    [5, 200],
    [5000, 300],
  ] as const) {
    const talk = new Talk(sink, { slot })
    tellPacket(sink, talk, 0, length)
    tellPacket(sink, talk, 1, length + 1)
    talk.packet(0).packet(1).close()
  }
  await sink.finish()
  assert.deepEqual(
    reportIn(folder).match(/ len='\d+'/g),
    [100, 101, 200, 201, 300, 301].map((length) => ` len='${length}'`),
  )
})

test('the report of an earlier run stays; one that was asked for by name is written over', async (t) => {
  const folder = makeFolder(temporaryFolder(t))
  writeFileSync(join(folder, 'report.xml'), 'old')
  symlinkSync('/nowhere/at/all', join(folder, 'report.c1.xml'))
  const sink = withReport(folder)
  assert.equal(sink.reportPath, join(folder, 'report.c2.xml'))
  await sink.finish()
  assert.equal(readFileSync(join(folder, 'report.xml'), 'utf8'), 'old')
  const named = join(folder, 'mine.xml')
  writeFileSync(named, 'old and long '.repeat(1000))
  await withReport(folder, { reportPath: named }).finish()
  assertWellFormed(readFileSync(named, 'utf8'))
})

test('a report that cannot be made is refused at once, one on a full disk ends the run', async (t) => {
  const folder = temporaryFolder(t)
  assert.throws(() => withReport(folder, { reportPath: '/nowhere/at/all/report.xml' }), OperatorError)
  if (!isCharacterDevice('/dev/full')) return t.skip('no /dev/full')
  const sink = withReport(folder, { reportPath: '/dev/full' })
  assert.ok(sink.blocked)
  await assert.rejects(sink.drain(), /cannot write \/dev\/full: no space left/)
  new Talk(sink).send(0, 'x').close()
  await sink.finish()
})

test('whatever the command line, the text is legal XML', () => {
  assert.equal(escapeXml(`a<b>&'"\0\x1b\ufffe`), 'a&lt;b&gt;&amp;&apos;&quot;\ufffd\ufffd\ufffd')
  const legal = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeXml(text)
      assert.match(Buffer.from(escaped).toString(), legal)
      assert.doesNotMatch(escaped, /[<>'"]/)
    }),
    { seed: 4 },
  )
})

test('a command line longer than the buffer', async (t) => {
  const folder = temporaryFolder(t)
  const plan = filesPlan(folder, { reportPath: join(folder, 'report.xml') })
  const long = '\u{1f600}é<'.repeat(40_000)
  await new FileSink(plan, { ...testRun, commandLine: [long], system: thisSystem() }).finish()
  const report = reportIn(folder)
  assertWellFormed(report)
  assert.ok(report.includes(escapeXml(long)))
})

function isCharacterDevice(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() === true
}
