// Names of hosts and places of capture through the whole program: shown, saved with -w, and the same in a replay.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CaptureRequest } from '../../src/capture/capture-request.ts'
import { directLauncher } from '../../src/capture/launcher.ts'
import { openLiveSource } from '../../src/capture/live-source.ts'
import type { Connection } from '../../src/core/connection.ts'
import { PlaceTable } from '../../src/core/places.ts'
import type { NamedAddress } from '../../src/core/ports.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../src/flow/options.ts'
import { SavefileSink } from '../../src/output/packets/savefile-sink.ts'
import { DumpRiver } from '../../src/river/dump-river.ts'
import { LiveMerge } from '../../src/river/live-merge.ts'
import { PcapngWriter } from '../../src/savefile/pcapng-writer.ts'
import { SavefileReader } from '../../src/savefile/reader.ts'
import { buildCapturePrograms } from '../support/capture-programs.ts'
import { RecordingConsumer } from '../support/conversation.ts'
import { FakeNames } from '../support/fake-names.ts'
import { type Host, makeHostPair } from '../support/netns.ts'
import { timestampOf } from '../support/packet-builder.ts'
import { mustRun, readFlows, run, skipped, temporaryFolder, whyNoTraffic, whyNot } from '../support/program.ts'
import { Talk } from '../support/talk.ts'

const LOOPBACK = { client: '127.0.0.1', server: '127.0.0.1' }
const four = (address: string, name: string): NamedAddress => ({ family: 4, address, name })

/** A capture of conversations, each in its place, their packets in turns; `names` come first. */
function captureOf(
  talks: readonly (readonly [place: string, talk: Talk])[],
  names: readonly NamedAddress[] = [],
): Buffer {
  const parts: Buffer[] = []
  const writer = new PcapngWriter((buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))))
  writer.writeSection()
  for (const [placeName] of talks) {
    writer.writeInterface({ linkType: 1, snapshotLength: 0, name: 'lo', description: '', placeName })
  }
  writer.writeNames(names)
  for (let i = 0; i < Math.max(...talks.map(([, { frames }]) => frames.length)); i++) {
    for (const [number, [, { frames }]] of talks.entries()) {
      const packet = frames[i]
      if (packet === undefined) continue
      const { seconds, nanos } = timestampOf(packet.time)
      const { frame } = packet
      writer.writePacket(number, new Timestamp(seconds, nanos), frame.length, frame, 0, frame.length)
    }
  }
  return Buffer.concat(parts)
}

function saved(t: TestContext, capture: Buffer): string {
  const path = join(temporaryFolder(t), 'trace.pcapng')
  writeFileSync(path, capture)
  return path
}

const lines = (text: Buffer): string[] => text.toString().split('\n').slice(0, -1)

test('127.0.0.1 in two places is two hosts: the same 4-tuple, and still two connections, also in what -w saves', async (t) => {
  const talk = (who: string) => new Talk(LOOPBACK).open().client(`${who}?`).server(`${who}!`).client('bye').close()
  const path = saved(
    t,
    captureOf([
      ['web', talk('web')],
      ['db', talk('database')],
      ['', talk('host')],
    ]),
  )
  const again = join(temporaryFolder(t), 'again.pcapng')
  const first = await mustRun(t, ['-c', '--summary', '-r', path, '-w', again])
  const summaries = lines(first.stdout).filter((line) => line.includes(' -> '))
  assert.equal(summaries.length, 3)
  for (const [i, who] of ['web', 'database', 'host'].entries()) {
    assert.match(first.stdout.toString(), new RegExp(`: ${who}\\?\\n`))
    assert.match(summaries[i]!, new RegExp(`-> ${who.length + 4} bytes in .* <- ${who.length + 1} bytes .* finished$`))
  }
  const second = await mustRun(t, ['-c', '--summary', '-r', again])
  assert.deepEqual(second.stdout.toString(), first.stdout.toString())
  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-o', folder, '-r', again])
  const asked = [...readFlows(folder)]
    .filter(([name]) => /00080(c\d)?$/.test(name))
    .map(([, bytes]) => bytes.toString())
  assert.deepEqual(asked.sort(), ['database?bye', 'host?bye', 'web?bye'])
})

test('what is known of containers is kept by -w: a replay tells image, id and network as the capture did', async (t) => {
  const talk = new Talk().open().client('hello\n').server('good day\n').close()
  const container = 'c0ffee'.repeat(11).slice(0, 64)
  const web = { ...four('10.0.0.2', 'web'), container, image: 'nginx:1.29', network: 'front' }
  const path = saved(t, captureOf([['', talk]], [web, four('10.0.0.1', 'shop-client-1')]))
  const again = join(temporaryFolder(t), 'again.pcapng')
  await mustRun(t, ['-q', '-r', path, '-w', again])
  for (const each of [path, again]) {
    const [open] = lines((await mustRun(t, ['--json', '-r', each])).stdout).map((line) => JSON.parse(line))
    const { name, image, network } = web
    assert.deepEqual(open.server, { address: '10.0.0.2', port: 80, name, container, image, network })
    assert.deepEqual(open.client, { address: '10.0.0.1', port: 40_000, name: 'shop-client-1' })
  }
  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-o', folder, '-T', '%i.%b', '-r', again])
  assert.ok([...readFlows(folder).keys()].includes('nginx_1.29.00080'))
})

test('names of a file are shown, and kept by -w; --no-names is plain', async (t) => {
  const talk = new Talk().open().client('hello\n').server('good day\n').close()
  const names = [four('10.0.0.2', 'web'), four('10.0.0.1', 'shop-client-1')]
  const path = saved(t, captureOf([['', talk]], names))
  const again = join(temporaryFolder(t), 'again.pcapng')
  const first = await mustRun(t, ['-c', '--summary', '-v', '-r', path, '-w', again])
  assert.deepEqual(lines(first.stdout).slice(0, 4), [
    'shop-client-1.40000-web.00080: hello',
    '',
    'web.00080-shop-client-1.40000: good day',
    '',
  ])
  const who = 'shop-client-1 (10.0.0.1:40000) -> web (10.0.0.2:80)'
  assert.ok(lines(first.stdout)[4]!.startsWith(`${who}, `))
  assert.ok(first.stderr.includes(`tcpflow: ${who}: begins`), first.stderr)
  assert.deepEqual((await mustRun(t, ['-c', '--summary', '-r', again])).stdout, first.stdout)

  const json = lines((await mustRun(t, ['--json', '-r', again])).stdout).map((line) => JSON.parse(line))
  assert.deepEqual(json[0].server, { address: '10.0.0.2', port: 80, name: 'web' })
  assert.equal(json[1].flow, '010.000.000.001.40000-010.000.000.002.00080')

  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-o', folder, '-T', '%h/%H.%a', '-r', again])
  assert.deepEqual([...readFlows(folder).keys()], ['shop-client-1/web.00080', 'web/shop-client-1.40000'])

  const plain = await mustRun(t, ['-c', '--summary', '--no-names', '-r', path, '-w', again])
  assert.match(plain.stdout.toString(), /^010\.000\.000\.001\.40000-010\.000\.000\.002\.00080: hello\n/)
  assert.doesNotMatch(plain.stdout.toString(), /web/)
  assert.ok(!readFileSync(again).includes('web'))
})

test('names that Wireshark has put at the end of a file are known from the first packet on', async (t) => {
  if (skipped(t, whyNot('tshark'))) return
  const folder = temporaryFolder(t)
  const at = (name: string) => join(folder, name)
  writeFileSync(at('plain.pcapng'), captureOf([['', new Talk().open().client('hello').close()]]))
  writeFileSync(at('hosts'), '10.0.0.2 web.example\n')
  run('tshark', [...['-r', at('plain.pcapng'), '-H', at('hosts'), '-N', 'n'], ...['-W', 'n', '-P', '-w', at('named')]])
  const { stdout } = await mustRun(t, ['-c', '-r', at('named')])
  assert.equal(stdout.toString(), '010.000.000.001.40000-web.example.00080: hello\n')
})

test('hostile names in a file act on no terminal and lead out of no folder', async (t) => {
  const names = [four('10.0.0.2', '../../\x1b]0;x\x07\u202e\r\n'), four('10.0.0.1', '..')]
  const path = saved(t, captureOf([['', new Talk().open().client('hello').close()]], names))
  const { stdout, stderr } = await mustRun(t, ['-c', '--summary', '-v', '-r', path])
  for (const text of [stdout.toString(), stderr]) assert.doesNotMatch(text, /[\p{Cc}\u202e](?<!\n)/u)
  assert.equal(lines(stdout)[0], '...40000-../../.]0;x.....00080: hello')
  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-o', join(folder, 'out'), '-T', '%H/%h', '-r', path])
  assert.deepEqual(
    [...readFlows(folder).keys()].filter((name) => !name.endsWith('report.xml')),
    ['out/_./_._..___0_x____'],
  )
})

test('live: connections on 127.0.0.1 of two namespaces with the same ports stay apart', {
  timeout: 60_000,
}, async (t) => {
  if (skipped(t, whyNoTraffic() ?? whyNot('socat'))) return
  const programs = await buildCapturePrograms()
  const { client, server } = makeHostPair(t)
  const places = new PlaceTable()
  const open = async (host: Host, place: string) => {
    const request: CaptureRequest = {
      ...{ interfaceName: 'lo', filter: 'tcp port 80', snapshotBytes: 262_144, kernelBufferBytes: 1 << 20 },
      ...{ bufferTimeoutMillis: 10, promiscuous: false, place, description: `${place} in its namespace` },
    }
    const source = await openLiveSource(request, directLauncher(programs.program(host.wrapper)))
    t.after(() => source.close())
    return { source, reader: new SavefileReader(source.name, Buffer.alloc(1 << 20), places) }
  }
  const feeds = [await open(client, 'first'), await open(server, 'second')]

  const path = join(temporaryFolder(t), 'live.pcapng')
  const names = new FakeNames().set('127.0.0.1', 'itself', 1)
  const save = new SavefileSink({ path, rotateBytes: 0, rotateSeconds: 0, keep: 0 }, -1, names)
  const recorder = new PlaceRecorder()
  const table = new FlowTable(recorder, defaultFlowTableOptions)
  const river = new DumpRiver({
    ...{ messages: { note() {}, info() {}, error: assert.fail }, unwrapTunnels: true, table, filter: undefined },
    ...{
      savers: [save],
      rawSegments: [],
      datagrams: [],
      events: [],
      clocks: [],
      drops: [],
      sinks: [save],
      onTurn: undefined,
    },
  })
  river.setLive(feeds.length)
  const merge = new LiveMerge(river, () => {})
  for (const feed of feeds) merge.add(feed)
  merge.close()
  const pumped = merge.run()
  await Promise.all([talkOnLoopback(client, 'from the first'), talkOnLoopback(server, 'from the second')])
  for (const { source } of feeds) source.stop()
  await pumped
  table.closeAll('capture-ended', river.clock)
  await save.finish()

  const found = recorder.connections.map(({ names: [from, to], closed }, i) => {
    return `${places.nameOf(recorder.places[i]!)}: ${from} ${to} ${closed}: ${recorder.text(0, i)}`
  })
  assert.deepEqual(found.sort(), [
    'first: 127.0.0.1:40000 127.0.0.1:80 finished: from the first',
    'second: 127.0.0.1:40000 127.0.0.1:80 finished: from the second',
  ])
  const replay = await mustRun(t, ['-c', '--summary', '--no-names', '-r', path])
  for (const which of ['first', 'second']) assert.ok(replay.stdout.includes(`: from the ${which}\n`))
  assert.equal(lines(replay.stdout).filter((line) => line.endsWith(', finished')).length, 2)
})

/** Connections are used again: their places are kept. */
class PlaceRecorder extends RecordingConsumer {
  readonly places: number[] = []

  override onOpen(c: Connection, t: Timestamp): void {
    super.onOpen(c, t)
    this.places.push(c.place)
  }
}

/** One connection within the host, from port 40000 to port 80, open for a third of a second. */
async function talkOnLoopback(host: Host, text: string): Promise<void> {
  const listening = host.spawn('socat', ['-u', 'TCP-LISTEN:80,bind=127.0.0.1', 'OPEN:/dev/null'])
  const served = new Promise((resolve) => listening.once('exit', resolve))
  for (let tries = 0; tries < 200 && host.run('ss', '-Hltn', 'sport = :80') === ''; tries++) await sleep(20)
  const connect = 'socat -u - TCP:127.0.0.1:80,sourceport=40000,bind=127.0.0.1'
  host.spawn('sh', ['-c', `{ printf '%s' '${text}'; sleep 0.3; } | ${connect}`])
  await served
}
