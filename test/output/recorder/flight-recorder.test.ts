// `tcpflow diagnose -w FILE --keep-around …` on captures made here: which files there are, and which packets are in them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ethernet, icmp, ipv4, tcp } from '../../support/packet-builder.ts'
import { pcapFile } from '../../support/pcap-builder.ts'
import { PROGRAM, temporaryFolder } from '../../support/program.ts'
import { Talk } from '../../support/talk.ts'

const START = 1_700_000_000

interface Recorded {
  readonly stdout: string
  readonly stderr: string
  /** By name: its connections, as `40000-5433: 2 packets`. */
  readonly files: ReadonlyMap<string, string>
  readonly folder: string
}

function record(t: TestContext, talks: readonly Pick<Talk, 'frames'>[], ...flags: string[]): Recorded {
  const folder = temporaryFolder(t)
  const frames = talks.flatMap(({ frames }) => frames)
  const capture = join(temporaryFolder(t), 'trace.pcap')
  writeFileSync(capture, pcapFile(frames.sort((a, b) => Number(a.time) - Number(b.time))))
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
  const { stdout, stderr, status } = run('diagnose', '-r', capture, '-w', join(folder, 'trace.pcapng'), ...flags)
  assert.equal(status, 0, stderr)
  const files = new Map<string, string>()
  for (const name of readdirSync(folder)) {
    const events = run('-q', '--json=none', '-r', join(folder, name))
    assert.equal(events.status, 0, events.stderr)
    files.set(name, closings(events.stdout))
  }
  return { stdout, stderr, files, folder }
}

function closings(events: string): string {
  return events
    .split('\n')
    .filter((line) => line.includes('"event":"close"'))
    .map((line) => JSON.parse(line))
    .map(
      ({ client, server, sent, received }) =>
        `${client.port}-${server.port}: ${sent.packets + received.packets} packets`,
    )
    .join(', ')
}

/** What goes on beside it. */
function bulk(packets: number): Talk {
  const talk = new Talk({ client: '10.0.0.9', clientPort: 50_000, server: '10.0.0.8', startTime: START }).open()
  for (let i = 0; i < packets; i++) talk.server(Buffer.alloc(1400, i)).acknowledge(0)
  return talk
}

const refused = (startTime = START, clientPort = 40_000): Talk =>
  new Talk({ clientPort, serverPort: 5433, startTime }).syn().segment(1, { flags: 'R.', seq: 0 })

/** The comment of the section, as text. */
function commentIn(path: string): string {
  const bytes = readFileSync(path)
  assert.equal(bytes.readUInt16LE(24), 1, 'a comment is the first option')
  return bytes.toString('utf8', 28, 28 + bytes.readUInt16LE(26))
}

test('the connection of a finding is in a file named by time and id, and nothing else is', (t) => {
  const { stdout, files, folder } = record(t, [bulk(200), refused(START + 0.1)], '--keep-around', 'errors')
  assert.deepEqual([...files], [['trace_00001_20231114221320_refused.pcapng', '40000-5433: 2 packets']])
  assert.match(stdout, /saved as \S+_refused\.pcapng/)
  const comment = commentIn(join(folder, 'trace_00001_20231114221320_refused.pcapng'))
  assert.match(comment, /^refused: 10\.0\.0\.1 -> 10\.0\.0\.2:5433: /)
  assert.match(comment, /kept since 2023-11-14T22:13:20\.100000Z; 1 connection, whole from the first packet/)
})

test('what else comes of it within five seconds is in the same file; a minute later it is another', (t) => {
  const talks = [0, 1, 4, 7, 70].map((seconds, i) => refused(START + seconds, 40_000 + i))
  // the clock goes on
  const { files, stdout } = record(
    t,
    [...talks, bulk(1), refused(START + 100, 41_000)],
    '--keep-around',
    'refused',
    '--json',
  )
  assert.deepEqual(
    [...files.values()],
    ['40000-5433: 2 packets, 40001-5433: 2 packets, 40002-5433: 2 packets', '40004-5433: 2 packets'],
  )
  const final = JSON.parse(stdout.trim().split('\n').at(-1)!)
  assert.equal(final.state, 'final')
  assert.match(final.savedAs, /trace_00002_\d{14}_refused\.pcapng$/)
})

test('beginning and latest packets of a quiet connection outlive megabytes of others', (t) => {
  const quiet = new Talk({ serverPort: 8080, startTime: START }).open()
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  for (let i = 0; i < 20; i++) quiet.client(`GET /${i} HTTP/1.1\r\n\r\n`).server(answer)
  quiet.wait(20_000).client('GET /last HTTP/1.1\r\n\r\n').acknowledge(1).wait(3000).server(answer)
  const others = new Talk({ client: '10.0.0.9', server: '10.0.0.8', startTime: START + 1 }).open()
  for (let i = 0; i < 4000; i++) others.server(Buffer.alloc(1400, i)).acknowledge(0)
  const { files, folder } = record(t, [quiet, others], '--keep-around', 'server-slow', '--keep-memory', '1M')
  const [name] = files.keys()
  const packets = Number(/8080: (\d+) packets/.exec(files.get(name!)!)?.[1])
  assert.ok(packets >= 16 && packets < 45, files.get(name!))
  assert.match(
    commentIn(join(folder, name!)),
    /1 connection, \d+ packets between the first and the last were no longer kept/,
  )
})

test('an ICMP error that proves it is in the file as well', (t) => {
  const syn = new Talk({ serverPort: 5433, startTime: START }).syn()
  const quoted = ipv4({ src: '10.0.0.1', dst: '10.0.0.2' }, tcp({ sport: 40_000, dport: 5433, seq: 1000, flags: 'S' }))
  const error = ethernet({}, ipv4({ src: '10.0.0.254', dst: '10.0.0.1' }, icmp({ type: 3, code: 13 }, quoted)))
  const { files, folder } = record(
    t,
    [syn, { frames: [{ frame: error, time: START + 0.01 }] }],
    '--keep-around',
    'errors',
  )
  const [name] = files.keys()
  assert.match(name!, /_rejected\.pcapng$/)
  assert.ok(readFileSync(join(folder, name!)).includes(error))
})

test('less serious findings are not saved, nor are ids that were not asked for', (t) => {
  assert.deepEqual([...record(t, [refused()], '--keep-around', 'unanswered').files], [])
  const lost = new Talk({ startTime: START })
    .syn()
    .wait(1000)
    .repeat()
    .segment(1, { flags: 'S.' }, 1)
    .segment(0, { flags: '.' })
  assert.deepEqual([...record(t, [lost], '--keep-around', 'errors').files], [])
  assert.equal(record(t, [lost], '--keep-around', 'warnings').files.size, 1)
})

test('--keep: only the newest files stay', (t) => {
  const talks = [0, 100, 200, 300].map((seconds) => refused(START + seconds))
  const { files, stdout } = record(t, talks, '--keep-around', 'errors', '--keep', '2')
  assert.deepEqual(
    [...files.keys()].map((name) => name.slice(0, 11)),
    ['trace_00003', 'trace_00004'],
  )
  assert.match(stdout, /saved as \S+trace_00004/)
})

test('mistakes are told before anything is captured', () => {
  const say = (...flags: string[]): string => {
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'diagnose', '-r', '/dev/null', ...flags], {
      encoding: 'utf8',
    })
    assert.notEqual(status, 0)
    return stderr
  }
  assert.match(say('--keep-around', 'errors'), /--keep-around needs -w FILE/)
  assert.match(say('--keep-around', 'refusd', '-w', 'x.pcapng'), /did you mean refused/)
  assert.match(say('--keep-memory', '64M', '-w', 'x.pcapng'), /--keep-memory needs --keep-around/)
  assert.match(say('--keep-around', 'errors', '-w', '/nowhere/x.pcapng'), /there is no folder \/nowhere/)
})
