// Where tcpflow itself is right, our folder holds the same names, bytes and times as its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Decoder } from '../../src/decode/decoder.ts'
import { FlowTable } from '../../src/flow/flow-table.ts'
import { defaultFlowTableOptions } from '../../src/flow/options.ts'
import { FileSink } from '../../src/output/files/file-sink.ts'
import type { FilesPlan } from '../../src/plan.ts'
import { READ_NEED_INPUT, READ_PACKET, SavefileReader } from '../../src/savefile/reader.ts'
import { SHARED_CAPTURES, whyNoSharedCaptures } from '../support/shared-captures.ts'
import { filesPlan, temporaryFolder, testRun } from './files/file-fixture.ts'

/** Those that tcpflow 1.6.1 decodes and reassembles as it should. */
const RIGHT_THERE = [
  '80211http.pcap',
  'bgp_vpn_attrset.pcap',
  'dssetup_DsRoleGetPrimaryDomainInformation_standalone_workstation.cap',
  'entity_gap.pcap',
  'http-mime-truncated.pcap',
  'irc-starttls.pcap',
  'methods.pcap',
  'tcp-fast-open.pcap',
]

/** Reads a capture and writes its flows, with as little as it takes. */
async function writeFlows(path: string, plan: FilesPlan): Promise<void> {
  const descriptor = openSync(path, 'r')
  const source = {
    name: path,
    totalBytes: -1,
    consumedBytes: 0,
    read: (into: Buffer, start: number, end: number) => readSync(descriptor, into, start, end - start, null),
    stop() {},
    async close() {},
  }
  const sink = new FileSink(plan, testRun)
  const table = new FlowTable(sink, defaultFlowTableOptions, sink)
  const handlers = {
    onSegment: table.onSegment.bind(table),
    onDatagram() {},
    onIcmpError() {},
    onArp() {},
  }
  const decoder = new Decoder(handlers, { unwrapTunnels: true })
  const reader = new SavefileReader(path, Buffer.alloc(1 << 20))
  for (let status = reader.next(); ; status = reader.next()) {
    if (status === READ_PACKET) decoder.decode(reader.packet)
    else if (status === READ_NEED_INPUT) await reader.fill(source)
    else break
  }
  closeSync(descriptor)
  table.closeAll('capture-ended', reader.packet.time)
  await sink.finish()
}

function tcpflowIsThere(t: TestContext): boolean {
  const there = spawnSync('tcpflow', ['-V']).error === undefined && whyNoSharedCaptures() === undefined
  if (!there) {
    console.error(`no tcpflow or no ../shared/captures here: our files are not compared with its own`)
    t.skip('needs tcpflow and the shared captures')
  }
  return there
}

/** Name → contents, file time to the microsecond. */
function flowsIn(folder: string): Map<string, { bytes: string; micros: bigint }> {
  const found = new Map<string, { bytes: string; micros: bigint }>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'report.xml') continue
    const path = join(entry.parentPath, entry.name)
    const micros = statSync(path, { bigint: true }).mtimeNs / 1000n
    found.set(path.slice(folder.length + 1), { bytes: readFileSync(path, 'latin1'), micros })
  }
  return new Map([...found].sort())
}

for (const name of RIGHT_THERE) {
  test(`the flows of ${name}`, async (t) => {
    if (!tcpflowIsThere(t)) return
    const theirs = temporaryFolder(t, 'theirs')
    const ours = temporaryFolder(t, 'ours')
    const path = join(SHARED_CAPTURES, name)
    spawnSync('tcpflow', ['-q', '-r', path, '-o', theirs])
    await writeFlows(path, filesPlan(ours))
    const expected = flowsIn(theirs)
    assert.ok(expected.size > 0)
    assert.deepEqual(flowsIn(ours), expected)
  })
}

for (const template of [
  '%T/%t-%A%C%c',
  '%E-%e-%a%C%c',
  '%A/%a/%B/%b/%N.%K',
  'x%C%c',
  'S%S%C%c%%',
  '%K/%A.%a-%B.%b%C%c',
]) {
  test(`the names that ${template} gives`, async (t) => {
    if (!tcpflowIsThere(t)) return
    const theirs = temporaryFolder(t, 'theirs')
    const ours = temporaryFolder(t, 'ours')
    const path = join(SHARED_CAPTURES, 'tcp-fast-open.pcap')
    spawnSync('tcpflow', ['-q', '-r', path, '-o', theirs, '-T', `${template}`])
    await writeFlows(path, filesPlan(ours, { nameTemplate: template }))
    assert.deepEqual([...flowsIn(ours).keys()], [...flowsIn(theirs).keys()])
  })
}

test('the lines of -I', async (t) => {
  if (!tcpflowIsThere(t)) return
  const theirs = temporaryFolder(t, 'theirs')
  const ours = temporaryFolder(t, 'ours')
  const path = join(SHARED_CAPTURES, 'entity_gap.pcap')
  spawnSync('tcpflow', ['-q', '-I', '-r', path, '-o', theirs])
  await writeFlows(path, filesPlan(ours, { index: true }))
  const lines = (folder: string) => [...flowsIn(folder)].map(([name, { bytes }]) => `${name}: ${bytes}`)
  assert.deepEqual(lines(ours), lines(theirs))
})
