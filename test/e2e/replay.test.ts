// Real traffic, three ways: seen live, captured by tcpdump at the same time and replayed, and piped. Each must give exactly
// the bytes that curl received and socat took.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cleanup, type Host, type HostPair, makeHostPair } from '../support/netns.ts'
import {
  assertSameFiles,
  mustRun,
  readFlows,
  run,
  skipped,
  start,
  temporaryFolder,
  whyNoTraffic,
  whyNot,
} from '../support/program.ts'
import { startNginx } from '../support/web-server.ts'

const HTTP_PORT = '00080'
const UPLOAD_PORT = 9000
/** Everything that the tests below send, and the mark behind it. */
const CAPTURED = `tcp port 80 or tcp port ${UPLOAD_PORT} or udp port 9`
const END_MARK = 'the end of the traffic'

/** The same bytes in every run, that no compression or sanitising leaves alone. */
function noise(bytes: number, seed: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(bytes))
}

const FILES = {
  large: noise(5_000_000, 1),
  middle: noise(300_000, 2),
  one: '1',
  text: 'Grüße, 世界\n'.repeat(50),
  empty: '',
}
const UPLOAD = noise(1_000_000, 3)

const obstacle = whyNoTraffic() ?? whyNot('socat', 'tshark', 'capinfos', 'editcap')
const cleanups: (() => unknown)[] = []
const whole: Cleanup = { after: (fn) => cleanups.push(fn) }
let traffic: Traffic

before(
  async () => {
    if (obstacle === undefined) traffic = await recordTraffic(makeHostPair(whole))
  },
  { timeout: 60_000 },
)
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

function replay(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    if (!skipped(t, obstacle)) await body(t)
  })
}

/** What happened once, and who saw it how. */
interface Traffic {
  readonly pair: HostPair
  readonly folder: string
  /** By tcpdump. */
  readonly dump: string
  /** By tcpflow -w, while it printed `consoleOutput`. */
  readonly saved: string
  readonly consoleOutput: Buffer
  /** Flow files of the live capture; those of one with a filter for the upload. */
  readonly flows: Map<string, Buffer>
  readonly uploadFlows: Map<string, Buffer>
  /** What curl received, headers and all, a connection each. */
  readonly responses: readonly Buffer[]
}

/** tcpdump on `eth0` (or `lo`) of a host; resolves when it listens. */
async function startTcpdump(host: Host, args: readonly string[], stdout: 'ignore' | 'pipe'): Promise<ChildProcess> {
  const child = host.spawn('tcpdump', [...args, '-B', '32768', '-U', '--immediate-mode', '-Z', 'root', CAPTURED], {
    stdio: ['ignore', stdout, 'pipe'],
  })
  await once(child.stderr!, 'data')
  return child
}

/** Whether tcpdump has seen everything is told by its file: the mark comes last. */
async function stopTcpdump(child: ChildProcess, file: string): Promise<void> {
  for (let tries = 0; tries < 400 && !readFileSync(file).includes(END_MARK); tries++) await sleep(25)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  await ended
}

function markEnd({ client, server }: HostPair): void {
  client.run('bash', '-c', `printf '${END_MARK}' >/dev/udp/${server.ipv4}/9`)
}

/** One connection for all `names`; what curl received, as it was sent. */
function curl(host: Host, address: string, ...names: readonly (keyof typeof FILES)[]): Buffer {
  const file = join(tmpdir(), `tcpflow-curl-${process.pid}-${curls++}`)
  whole.after(() => run('rm', ['-f', file]))
  const urls = names.map((name) => `http://${address}/${name}`)
  // Standard output as one file: -o would take the first response only.
  host.run('sh', '-c', `curl -s -i --raw ${urls.map((url) => `'${url}'`).join(' ')} >${file}`)
  return readFileSync(file)
}
let curls = 0

async function upload({ client, server }: HostPair, folder: string): Promise<void> {
  const sent = join(folder, 'upload')
  const received = join(folder, 'uploaded')
  writeFileSync(sent, UPLOAD)
  const socat = server.spawn('socat', ['-u', `TCP6-LISTEN:${UPLOAD_PORT}`, `OPEN:${received},creat`])
  const ended = once(socat, 'exit')
  while (server.run('ss', '-Hltn', `sport = :${UPLOAD_PORT}`) === '') await sleep(20)
  client.run('socat', '-u', `OPEN:${sent}`, `TCP6:[${server.ipv6}]:${UPLOAD_PORT}`)
  await ended
  assert.ok(readFileSync(received).equals(UPLOAD), 'socat took everything')
}

async function recordTraffic(pair: HostPair): Promise<Traffic> {
  const { client, server } = pair
  const folder = temporaryFolder(whole)
  await startNginx(whole, server, FILES)
  const dump = join(folder, 'dump.pcap')
  const saved = join(folder, 'saved.pcapng')
  const live = { wrapper: client.wrapper }
  const runs = [
    start(whole, ['-i', 'eth0', '-o', join(folder, 'live'), CAPTURED], live),
    start(whole, ['-c', '-i', 'eth0', '-w', saved, CAPTURED], live),
    start(whole, ['-i', 'eth0', '-o', join(folder, 'upload-only'), 'port', `${UPLOAD_PORT}`], live),
  ]
  const tcpdump = await startTcpdump(client, ['-i', 'eth0', '-w', dump], 'ignore')
  await Promise.all(runs.map((each) => each.listening()))
  const responses = [
    curl(client, server.ipv4, 'large'),
    curl(client, server.ipv4, 'one', 'text', 'empty', 'middle', 'one'),
    curl(client, `[${server.ipv6}]`, 'middle'),
  ]
  await upload(pair, folder)
  markEnd(pair)
  const results = await Promise.all(runs.map((each) => each.signal('SIGINT')))
  await stopTcpdump(tcpdump, dump)
  for (const { code, stderr } of results) {
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /dropped/)
  }
  const flows = readFlows(join(folder, 'live'))
  const uploadFlows = readFlows(join(folder, 'upload-only'))
  return { pair, folder, dump, saved, consoleOutput: results[1]!.stdout, flows, uploadFlows, responses }
}

/** Flow files of a finished capture. */
async function flowsOf(t: TestContext, ...args: readonly string[]): Promise<Map<string, Buffer>> {
  const folder = temporaryFolder(t)
  await mustRun(t, ['-o', folder, ...args])
  return readFlows(folder)
}

/** Through a pipe, as people do it; tshark refuses the socket that Node would give it. */
function readByTshark(capture: Buffer): Buffer {
  return run('sh', ['-c', 'cat | tshark -r - 2>/dev/null'], capture)
}

/** Those that the server of HTTP sent, in the order of the client's ports' first appearance, that is: any. */
function fromHttpServer(flows: ReadonlyMap<string, Buffer>): Buffer[] {
  return [...flows].filter(([name]) => name.includes(`.${HTTP_PORT}-`)).map(([, bytes]) => bytes)
}

/** Large buffers compare badly when they differ: as a set of sizes and heads they read well. */
function assertSameSet(actual: readonly Buffer[], expected: readonly Buffer[]): void {
  const missing = expected.filter((one) => !actual.some((other) => other.equals(one)))
  const shown = (buffers: readonly Buffer[]) => buffers.map((b) => `${b.length} bytes ${b.subarray(0, 20)}`)
  assert.deepEqual(shown(missing), [], `among ${shown(actual)}`)
  assert.equal(actual.length, expected.length)
}

replay('live: a file for each flow, with exactly the bytes that curl received and socat took', async () => {
  const { flows, responses } = traffic
  assertSameSet(fromHttpServer(flows), responses)
  const large = fromHttpServer(flows).find((bytes) => bytes.length > FILES.large.length)!
  assert.ok(large.subarray(large.indexOf('\r\n\r\n') + 4).equals(FILES.large), 'the body is the file')
  const requests = [...flows].filter(([name]) => name.endsWith(`.${HTTP_PORT}`)).map(([, bytes]) => bytes.toString())
  const paths = requests.map((text) => [...text.matchAll(/^GET \/(\w+) HTTP\/1.1\r$/gm)].map((match) => match[1]))
  assert.deepEqual(paths.sort(), [['large'], ['middle'], ['one', 'text', 'empty', 'middle', 'one']])
  const uploaded = [...flows].filter(([name]) => /^fd09::1\.\d{5}-fd09::2\.09000$/.test(name))
  assertSameSet(
    uploaded.map(([, bytes]) => bytes),
    [UPLOAD],
  )
  assert.equal(flows.size, 3 + 3 + 1)
})

replay('what tcpdump captured at the same time gives the same files', async (t) => {
  assertSameFiles(await flowsOf(t, '-r', traffic.dump), traffic.flows)
})

replay('what -w saved gives the same files, and prints the same as the live run did', async (t) => {
  const { stdout } = await mustRun(t, ['-c', '-r', traffic.saved])
  assert.ok(traffic.consoleOutput.length > FILES.large.length)
  assert.ok(stdout.equals(traffic.consoleOutput), `${stdout.length} and ${traffic.consoleOutput.length} bytes`)
  assertSameFiles(await flowsOf(t, '-r', traffic.saved), traffic.flows)
})

replay('what -w saved is what tcpdump saw, and other tools read it', async () => {
  const list = (file: string) =>
    run('tshark', [
      '-r',
      file,
      '-T',
      'fields',
      '-e',
      'ip.id',
      '-e',
      'tcp.seq_raw',
      '-e',
      'tcp.ack_raw',
      '-e',
      'tcp.len',
    ])
      .toString()
      .split('\n')
      .sort()
  assert.deepEqual(list(traffic.saved), list(traffic.dump))
  assert.match(run('capinfos', ['-t', traffic.saved]).toString(), /pcapng/)
})

replay('-w - is a capture on standard output, with nothing else in it', async (t) => {
  const { stdout } = await mustRun(t, ['-w', '-', '-r', traffic.dump])
  const lines = (text: Buffer) => text.toString().split('\n').length
  assert.equal(lines(readByTshark(stdout)), lines(run('tshark', ['-r', traffic.dump])))
  const again = join(temporaryFolder(t), 'again.pcapng')
  writeFileSync(again, stdout)
  assert.match(run('capinfos', ['-c', again]).toString(), /Number of packets/)
  assertSameFiles(await flowsOf(t, '-r', again), traffic.flows)
})

replay('live -w - can be read while it is written', async (t) => {
  const { client, server } = traffic.pair
  const saver = start(t, ['-i', 'eth0', '-w', '-', 'tcp port 80'], { wrapper: client.wrapper })
  await saver.listening()
  const response = curl(client, server.ipv4, 'text')
  const { code, stdout } = await saver.signal('SIGINT')
  assert.equal(code, 0)
  const folder = temporaryFolder(t)
  await mustRun(t, ['-o', folder, '-r', '-'], { input: stdout })
  assertSameSet(fromHttpServer(readFlows(folder)), [response])
  assert.ok(readByTshark(stdout).includes('GET /text HTTP/1.1'))
})

replay('on loopback, live and replayed', async (t) => {
  const { server } = traffic.pair
  const folder = temporaryFolder(t)
  const dump = join(folder, 'lo.pcap')
  const live = join(folder, 'live')
  const seen = start(t, ['-i', 'lo', '-o', live, CAPTURED], { wrapper: server.wrapper })
  const tcpdump = await startTcpdump(server, ['-i', 'lo', '-w', dump], 'ignore')
  await seen.listening()
  const responses = [curl(server, '127.0.0.1', 'large'), curl(server, '[::1]', 'text', 'one')]
  server.run('bash', '-c', `printf '${END_MARK}' >/dev/udp/127.0.0.1/9`)
  const { code, stderr } = await seen.signal('SIGINT')
  await stopTcpdump(tcpdump, dump)
  assert.equal(code, 0, stderr)
  const flows = readFlows(live)
  assertSameSet(fromHttpServer(flows), responses)
  assertSameFiles(await flowsOf(t, '-r', dump), flows)
})

replay('on a wire that loses packets, before and behind the place of capture', async (t) => {
  const pair = makeHostPair(t)
  const { client, server } = pair
  await startNginx(t, server, FILES)
  for (const host of [client, server]) host.run('ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off')
  const every = (n: number) => ['-p', 'tcp', '-m', 'statistic', '--mode', 'nth', '--every', `${n}`, '--packet', '5']
  // What the server drops comes later than the rest; what the client drops has been seen, and is seen again.
  server.run('iptables', '-A', 'OUTPUT', ...every(20), '-j', 'DROP')
  client.run('iptables', '-A', 'INPUT', ...every(30), '-j', 'DROP')
  const folder = temporaryFolder(t)
  const seen = start(t, ['-i', 'eth0', '-o', folder, 'tcp port 80'], { wrapper: client.wrapper })
  await seen.listening()
  const response = curl(client, server.ipv4, 'middle')
  const { code, stderr } = await seen.signal('SIGINT')
  assert.equal(code, 0, stderr)
  assert.match(stderr, /retransmitted/)
  assert.doesNotMatch(stderr, /gap/)
  assertSameSet(fromHttpServer(readFlows(folder)), [response])
})

replay('a pipe from tcpdump -w -', async (t) => {
  const { client, server } = traffic.pair
  const folder = temporaryFolder(t)
  const tcpdump = await startTcpdump(client, ['-i', 'eth0', '-w', '-'], 'pipe')
  const reader = start(t, ['-o', folder, '-r', '-'], { stdin: 'pipe' })
  let piped = Buffer.alloc(0)
  const all = new Promise<void>((resolve) => {
    tcpdump.stdout!.on('data', (chunk: Buffer) => {
      reader.child.stdin!.write(chunk)
      piped = Buffer.concat([piped.subarray(-END_MARK.length), chunk])
      if (piped.includes(END_MARK)) resolve()
    })
  })
  tcpdump.stdout!.on('end', () => reader.child.stdin!.end())
  const responses = [curl(client, server.ipv4, 'large'), curl(client, server.ipv4, 'one', 'text')]
  markEnd(traffic.pair)
  await all
  tcpdump.kill('SIGINT')
  const { code, stderr } = await reader.result
  assert.equal(code, 0, stderr)
  assertSameSet(fromHttpServer(readFlows(folder)), responses)
})

replay('a pipe shows what comes through it while it is still open', async (t) => {
  const bytes = readFileSync(traffic.dump)
  const reader = start(t, ['-c', '-r', '-'], { stdin: 'pipe' })
  reader.child.stdin!.write(bytes.subarray(0, 200_000))
  await reader.until((each) => each.stdout.includes('GET /large HTTP/1.1'), 'the first request was shown')
  reader.child.stdin!.end(bytes.subarray(200_000))
  const { code, stdout } = await reader.result
  assert.equal(code, 0)
  assert.ok(stdout.equals((await mustRun(t, ['-c', '-r', traffic.dump])).stdout))
})

replay('a FIFO', async (t) => {
  const fifo = join(temporaryFolder(t), 'fifo')
  run('mkfifo', [fifo])
  const writer = spawn('sh', ['-c', 'exec cat "$0" >"$1"', traffic.dump, fifo], { stdio: 'ignore' })
  t.after(() => writer.kill('SIGKILL'))
  assertSameFiles(await flowsOf(t, '-r', fifo), traffic.flows)
})

replay('compressed captures, from a file and from a pipe', async (t) => {
  const folder = temporaryFolder(t)
  const compressors = { gz: 'gzip', zst: 'zstd', xz: 'xz', bz2: 'bzip2' }
  // Noise costs xz and bzip2 seconds: the connections without the large file do.
  const small = join(folder, 'small.pcap')
  run('tcpdump', ['-r', traffic.dump, '-w', small, 'ip6 and tcp port 80'])
  const plain = await flowsOf(t, '-r', small)
  assert.equal(plain.size, 2)
  for (const [extension, program] of Object.entries(compressors)) {
    const file = `${small}.${extension}`
    writeFileSync(file, run(program, ['-c', small]))
    assertSameFiles(await flowsOf(t, '-r', file), plain, extension)
    const piped = join(folder, extension)
    await mustRun(t, ['-o', piped, '-r', '-'], { stdin: openSync(file, 'r') })
    assertSameFiles(readFlows(piped), plain, `${extension} from standard input`)
  }
})

replay('a filter gives the same on files as live, also compressed, pcapng and several words', async (t) => {
  const { dump, saved, uploadFlows, folder } = traffic
  assertSameSet([...uploadFlows.values()], [UPLOAD])
  const gz = join(folder, 'dump.pcap.gz')
  writeFileSync(gz, run('gzip', ['-1', '-c', dump]))
  for (const file of [dump, saved, gz]) {
    assertSameFiles(await flowsOf(t, '-r', file, 'port', `${UPLOAD_PORT}`), uploadFlows, file)
    const rest = await flowsOf(t, '-r', file, `not port ${UPLOAD_PORT}`)
    assert.deepEqual([...rest.keys(), ...uploadFlows.keys()].sort(), [...traffic.flows.keys()].sort(), file)
  }
})

/** The dump in two files, cut in the midst of the large download. */
function cutDump(t: TestContext): [string, string] {
  const folder = temporaryFolder(t)
  const first = join(folder, 'first.pcap')
  const second = join(folder, 'second.pcap')
  run('editcap', ['-r', traffic.dump, first, '1-40'])
  run('editcap', [traffic.dump, second, '1-40'])
  return [first, second]
}

replay('several -r go on with each other’s connections', async (t) => {
  const [first, second] = cutDump(t)
  const cut = await flowsOf(t, '-r', first)
  const large = fromHttpServer(cut)[0]!
  assert.ok(large.length > 0 && large.length < FILES.large.length, `${large.length} bytes in the first part`)
  assertSameFiles(await flowsOf(t, '-r', first, '-r', second), traffic.flows)
  assertSameFiles(await flowsOf(t, '-l', first, second), traffic.flows)
})

replay('-R only finishes connections that -r began', async (t) => {
  const [first, second] = cutDump(t)
  const finished = await flowsOf(t, '-r', first, '-R', second)
  const begun = await flowsOf(t, '-r', first)
  assert.deepEqual([...finished.keys()], [...begun.keys()])
  const expected = new Map([...traffic.flows].filter(([name]) => begun.has(name)))
  assert.equal(expected.size, 2)
  assertSameFiles(finished, expected)
})

replay('a second run into the same folder leaves the files of the first alone', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'out'))
  const out = join(folder, 'out')
  await mustRun(t, ['-o', out, '-r', traffic.dump])
  const first = readFlows(out)
  await mustRun(t, ['-o', out, '-r', traffic.dump])
  const both = readFlows(out)
  assertSameFiles(new Map([...both].filter(([name]) => first.has(name))), first)
  const second = new Map([...both].filter(([name]) => !first.has(name)))
  assert.equal(second.size, first.size)
  assertSameFiles(new Map([...second].map(([name, bytes]) => [name.replace(/c1$/, ''), bytes])), first)
  assert.equal(readdirSync(out).filter((name) => name.startsWith('report')).length, 2)
})
