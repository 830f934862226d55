// The built program on real captures, against what others make of them: the digests listed beside the captures, tshark's
// follow-stream, and the real tcpflow where it is right. The captures lie beside the repository; CI has them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import {
  assertSameFiles,
  mustRun,
  readFlows,
  run,
  skipped,
  tcpflow,
  temporaryFolder,
  whyNot,
} from '../support/program.ts'
import { SHARED_CAPTURES, whyNoSharedCaptures } from '../support/shared-captures.ts'

const captures = SHARED_CAPTURES
const list = join(captures, 'streams.jsonl')

/** It ends in the midst of a packet, which is said, and all before it is read. */
const TRUNCATED = 'http-mime-truncated.pcap'

/** Digests that are wrong in the list: see test/flow/shared-captures.test.ts. */
const CORRECTED = new Map([
  [
    'of13_ericsson.pcapng 127.000.000.001.06633-127.000.000.001.58449',
    'eb1dce5d2145625e7ca505da347ba39bef9b2860251850f0f4216f0850813cc2',
  ],
])

/** Where tcpflow 1.6.1 understands every packet and has nothing to print twice, drop or call padding. */
const TCPFLOW_IS_RIGHT = [
  '80211http.pcap',
  'bgp_vpn_attrset.pcap',
  'dssetup_DsRoleGetPrimaryDomainInformation_standalone_workstation.cap',
  'entity_gap.pcap',
  TRUNCATED,
  'irc-starttls.pcap',
  'methods.pcap',
  'of13_ericsson.pcapng',
  'tcp-fast-open.pcap',
  'vlan-collisions.pcap',
]

/** Captures and streams of which tshark has the whole of both directions. */
const FOLLOWED: readonly [file: string, streams: readonly number[]][] = [
  ['206_example_c.pcap', [0, 1]],
  ['ipv6-http-atomic-frag.pcap', [0, 1, 2, 3]],
  ['kerberos_tso.pcapng', [0, 1, 2]],
  ['methods.pcap', [0, 17, 48]],
  ['openjdk-25.0.2-zeek.org.pcap', [0]],
  ['pppoe-over-qinq.pcap', [0]],
  ['rdp-unknown-keyboard.pcap', [0]],
  ['reply-off-on-2conn.pcap', [0, 1]],
  ['socks5-http-302-frag.pcap', [0]],
  ['tcp-fast-open.pcap', [0, 1]],
  ['test_loopback.pcap', [0]],
  ['vxlan.pcap', [0, 1, 2, 3]],
]

interface Listed {
  readonly file: string
  readonly src: string
  readonly sport: number
  readonly dst: string
  readonly dport: number
  readonly sha256: string
  readonly sha256_zero_filled?: string
}

const noCaptures = whyNoSharedCaptures()
const listed: Listed[] = []
before(() => {
  if (noCaptures === undefined)
    for (const line of readFileSync(list, 'utf8').trim().split('\n')) listed.push(JSON.parse(line))
})

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const names = () => [...new Set(listed.map((line) => line.file))]

function endName(address: string, port: number): string {
  const padded = isIPv4(address) ? address.split('.').map((part) => part.padStart(3, '0')) : [address]
  return `${padded.join('.')}.${String(port).padStart(5, '0')}`
}

function flowName({ src, sport, dst, dport }: Listed): string {
  return `${endName(src, sport)}-${endName(dst, dport)}`
}

/** Without what tells VLANs and later connections apart. */
function baseName(name: string): string {
  return name.replace(/(--\d+)?(c\d+)?$/, '')
}

async function read(
  t: TestContext,
  file: string,
  args: readonly string[],
): Promise<{ stdout: Buffer; stderr: string }> {
  const { code, stdout, stderr } = await tcpflow(t, [...args, '-r', join(captures, file)])
  assert.equal(code, file === TRUNCATED ? 1 : 0, `${file}: ${stderr}`)
  return { stdout, stderr }
}

async function flowsOf(t: TestContext, file: string, ...args: readonly string[]): Promise<Map<string, Buffer>> {
  const folder = temporaryFolder(t)
  await read(t, file, ['-q', '-o', folder, ...args])
  return readFlows(folder)
}

/** Listed streams of `file` that are not among these, by name and digest. */
function missing(file: string, digests: ReadonlyMap<string, Set<string>>, holes: boolean): string[] {
  return listed
    .filter((line) => line.file === file)
    .filter((line) => {
      const name = flowName(line)
      const right = CORRECTED.get(`${file} ${name}`) ?? ((holes && line.sha256_zero_filled) || line.sha256)
      return !digests.get(name)?.has(right)
    })
    .map(flowName)
}

function digestsOf(flows: ReadonlyMap<string, Buffer>): Map<string, Set<string>> {
  const digests = new Map<string, Set<string>>()
  for (const [name, bytes] of flows) {
    const base = baseName(name)
    digests.set(base, (digests.get(base) ?? new Set()).add(digest(bytes)))
  }
  return digests
}

test('each listed stream is a file with the listed bytes, holes as zeros', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures)) return
  assert.ok(names().length >= 25)
  for (const file of names()) {
    assert.deepEqual(missing(file, digestsOf(await flowsOf(t, file)), true), [], file)
  }
})

test('without holes, and as JSON, the same bytes', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures)) return
  for (const file of names()) {
    const { stdout } = await read(t, file, ['-q', '--json=base64'])
    const pieces = new Map<string, Buffer[]>()
    for (const line of stdout.toString().trimEnd().split('\n')) {
      const event = JSON.parse(line) as { event: string; flow: string; connection: number; base64: string }
      if (event.event !== 'data') continue
      const key = `${event.flow}#${event.connection}`
      pieces.set(key, [...(pieces.get(key) ?? []), Buffer.from(event.base64, 'base64')])
    }
    const flows = new Map([...pieces].map(([key, parts]) => [key.replace(/#.*/, ''), Buffer.concat(parts)]))
    assert.deepEqual(missing(file, digestsOf(flows), false), [], `${file} as JSON`)
  }
  for (const file of ['entity_gap.pcap', 'of13_ericsson.pcapng']) {
    assert.deepEqual(missing(file, digestsOf(await flowsOf(t, file, '--gaps=skip')), false), [], file)
  }
})

test('the streams that tshark follows', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures ?? whyNot('tshark'))) return
  for (const [file, streams] of FOLLOWED) {
    const flows = new Map([...(await flowsOf(t, file))].map(([name, bytes]) => [baseName(name), bytes]))
    const followed = follow(join(captures, file), streams)
    assert.equal(followed.length, streams.length, file)
    for (const { ends, bytes } of followed) {
      for (const d of [0, 1] as const) {
        const name = `${ends[d]}-${ends[1 - d]}`
        const ours = flows.get(name) ?? Buffer.alloc(0)
        assert.ok(ours.equals(bytes[d]), `${file} ${name}: ${ours.length} and ${bytes[d].length} bytes`)
      }
    }
  }
})

interface Followed {
  readonly ends: readonly [string, string]
  readonly bytes: readonly [Buffer, Buffer]
}

/** tshark prints a line of hexadecimal for each piece, with a tab before those of node 1. */
function follow(path: string, streams: readonly number[]): Followed[] {
  const taps = streams.flatMap((stream) => ['-z', `follow,tcp,raw,${stream}`])
  const text = run('tshark', ['-r', path, '-q', ...taps]).toString()
  return text
    .split(/^Follow: tcp,raw$/m)
    .slice(1)
    .map((part) => {
      const node = (number: number): string => {
        const [, address, port] = new RegExp(`^Node ${number}: (.*):(\\d+)$`, 'm').exec(part)!
        return endName(address!.replace(/^\[|\]$/g, ''), Number(port))
      }
      const lines = part.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line))
      const side = (tab: boolean) =>
        lines
          .filter((line) => line.startsWith('\t') === tab)
          .join('')
          .replaceAll('\t', '')
      return { ends: [node(0), node(1)], bytes: [Buffer.from(side(false), 'hex'), Buffer.from(side(true), 'hex')] }
    })
}

function flowsOfTcpflow(t: TestContext, file: string, ...args: readonly string[]): Map<string, Buffer> {
  const folder = temporaryFolder(t)
  // Its exit code says nothing: 1 where a file is cut short, 0 where a flag is unknown.
  spawnSync('tcpflow', ['-q', ...args, '-o', folder, '-r', join(captures, file)], { timeout: 20_000 })
  const flows = readFlows(folder)
  flows.delete('alerts.txt')
  return flows
}

test('the same files under the same names as tcpflow, where it is right', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures ?? whyNot('tcpflow'))) return
  for (const file of TCPFLOW_IS_RIGHT) {
    const expected = flowsOfTcpflow(t, file)
    assert.ok(expected.size > 0, file)
    assertSameFiles(await flowsOf(t, file), expected, file)
  }
})

test('names by template and by letters are tcpflow’s', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures ?? whyNot('tcpflow'))) return
  const templates = ['%A-%B/%a-%b', '%E_%e_%A.%a-%B.%b', 'x%N.%K.%M-%#', '%t_%A.%a-%B.%b%V%v%C%c', '%%%A.%a-%B.%b']
  const ways = [...templates.map((template) => ['-T', template]), ['-Ft'], ['-Fk'], ['-Fm']]
  for (const file of ['vlan-collisions.pcap', 'entity_gap.pcap', 'tcp-fast-open.pcap']) {
    for (const way of ways) {
      const what = `${file} ${way.join(' ')}`
      assertSameFiles(await flowsOf(t, file, ...way), flowsOfTcpflow(t, file, ...way), what)
    }
  }
})

test('on the console, binary and bare: the bytes of the flows and nothing else', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures)) return
  for (const file of ['methods.pcap', '206_example_c.pcap', 'irc-starttls.pcap', 'kerberos_tso.pcapng']) {
    const flows = await flowsOf(t, file)
    const one = [...flows].find(([, bytes]) => bytes.length > 200)!
    const [, source, sport, destination, dport] = /^(.*)\.(\d{5})-(.*)\.(\d{5})/.exec(one[0])!
    const plain = (address: string) => address.split('.').map(Number).join('.')
    const filter = `src ${plain(source!)} and src port ${Number(sport)} and dst ${plain(destination!)} and dst port ${Number(dport)}`
    // Of a filter for one direction: the other's bytes, acknowledged and not seen, are not to be remarked on.
    const { stdout } = await read(t, file, ['-q', '-c', '-B', '-C', '-0', '--gaps=skip', filter])
    assert.ok(stdout.equals(one[1]), `${file} ${one[0]}: ${stdout.length} and ${one[1].length} bytes`)
    const named = await read(t, file, ['-q', '-c', '-B', '--gaps=skip', filter])
    // Pauses begin a new block: a newline, and the name again.
    assert.ok(named.stdout.subarray(0, one[0].length + 2).equals(Buffer.from(`${one[0]}: `)))
    assert.equal(named.stdout.at(-1), 10)
    const all = await read(t, file, ['-q', '-CB0'])
    const bytes = [...flows.values()].reduce((sum, flow) => sum + flow.length, 0)
    assert.equal(all.stdout.length, bytes, file)
  }
})

test('text on the console is the text of the flows, each piece under its name', { timeout: 60_000 }, async (t) => {
  if (skipped(t, noCaptures)) return
  const { stdout } = await mustRun(t, ['-q', '-c', '-r', join(captures, 'irc-starttls.pcap')])
  const lines = stdout.toString().split('\n')
  assert.match(lines[0]!, /^[\d.]{21}-[\d.]{21}: \S/)
  const hex = await mustRun(t, ['-q', '-c', '-D', '-r', join(captures, 'irc-starttls.pcap')])
  const flows = await flowsOf(t, 'irc-starttls.pcap')
  const dumped = [...hex.stdout.toString().matchAll(/^[0-9a-f]{4,}: ((?:[0-9a-f]{2,4} ?)+)/gm)].map(
    (match) => match[1]!,
  )
  const bytes = Buffer.from(dumped.join('').replaceAll(' ', ''), 'hex')
  assert.equal(
    bytes.length,
    [...flows.values()].reduce((sum, flow) => sum + flow.length, 0),
  )
})
