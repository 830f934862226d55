// Live capture on real interfaces: what the child sees, what it survives, and that nobody outlives anybody.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Broker, startBroker } from '../../src/capture/broker-launcher.ts'
import type { CaptureRequest } from '../../src/capture/capture-request.ts'
import { capabilityWrapper, directLauncher } from '../../src/capture/launcher.ts'
import { type LiveSource, openLiveSource } from '../../src/capture/live-source.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { HolderEnd, HolderListening, HolderOptions } from '../support/capture-holder.ts'
import { buildCapturePrograms, type CapturePrograms } from '../support/capture-programs.ts'
import { type Host, type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type CapturedPacket, readCapture } from '../support/read-capture.ts'
import { startNginx } from '../support/web-server.ts'

const REQUEST: CaptureRequest = {
  interfaceName: 'eth0',
  filter: '',
  snapshotBytes: 262_144,
  kernelBufferBytes: 8 * 1024 * 1024,
  bufferTimeoutMillis: 20,
  promiscuous: true,
}
const LINKTYPE_ETHERNET = 1
const LINKTYPE_LINUX_SLL = 113
const NOBODY = 'nobody'
const AS_NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']

const obstacle = whyNoNamespaces()
let programs: CapturePrograms

before(async () => {
  programs = await buildCapturePrograms()
})

/** A test on a fresh pair of hosts. */
function live(name: string, body: (t: TestContext, pair: HostPair) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    if (obstacle !== undefined) {
      console.error(`SKIPPED: ${name}: ${obstacle}`)
      return t.skip(obstacle)
    }
    await body(t, makeHostPair(t))
  })
}

async function open(t: TestContext, host: Host, changes: Partial<CaptureRequest> = {}): Promise<LiveSource> {
  const source = await openLiveSource({ ...REQUEST, ...changes }, directLauncher(programs.program(host.wrapper)))
  t.after(() => source.close())
  return source
}

live('sees exactly the packets that tcpdump sees', async (t, { client, server }) => {
  await startNginx(t, server, { small: 'hello\n', large: 'abcdefg\n'.repeat(100_000) })
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-live-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const saved = join(folder, 'tcpdump.pcap')
  const tcpdump = server.spawn(
    'tcpdump',
    ['-i', 'eth0', '-B', '32768', '-U', '-w', saved, '-Z', 'root', 'tcp port 80'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  await once(tcpdump.stderr!, 'data') // "listening on"
  const source = await open(t, server, { filter: 'tcp port 80' })
  for (const url of [`http://${server.ipv4}/small`, `http://[${server.ipv6}]/large`, `http://${server.ipv4}/large`]) {
    client.run('curl', '-s', '-o', '/dev/null', url)
  }
  source.stop()
  const { packets, statistics, damage, interfaceName } = await readCapture(source)
  let theirs = await readCapture(fileSource(saved))
  // tcpdump takes its last packets at its own pace: up to a second late.
  for (let tries = 0; tries < 40 && theirs.packets.length < packets.length; tries++) {
    await sleep(50)
    theirs = await readCapture(fileSource(saved))
  }
  const ended = once(tcpdump, 'exit')
  tcpdump.kill('SIGINT')
  await ended
  theirs = await readCapture(fileSource(saved))

  assert.equal(damage, undefined)
  assert.equal(interfaceName, 'eth0')
  assert.equal(source.endReason, 'stopped')
  assert.equal(source.endMessage, undefined)
  assert.ok(packets.length > 20)
  assert.deepEqual(new Set(packets.map((p) => p.linkType)), new Set([LINKTYPE_ETHERNET]))
  // Two listeners may see packets of opposite directions in different orders.
  assert.deepEqual(packets.map(fingerprint).sort(), theirs.packets.map(fingerprint).sort())
  const last = statistics.at(-1)!
  assert.equal(last.received, packets.length)
  assert.equal(last.dropped, 0)
})

live('silence is told too: the clock ticks, never ahead of a packet', async (t, { client, server }) => {
  const source = await open(t, server, { filter: 'udp port 9' })
  const times: number[] = []
  let sent = 0
  const { packets, statistics } = await readCapture(source, {
    onProgress: (soFar) => {
      const ticks = soFar.statistics.length
      times.push(Math.max(soFar.packets.at(-1)?.micros ?? 0, soFar.statistics.at(-1)?.micros ?? 0))
      if (ticks >= 3 && sent === 0) {
        sent = 1
        client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
      }
      if (ticks >= 6) source.stop()
    },
  })
  assert.equal(packets.length, 1)
  assert.ok(statistics.length >= 6)
  assert.ok(packets[0]!.micros > statistics[2]!.micros)
  const clock = [...statistics, ...packets].map((each) => each.micros).sort((a, b) => a - b)
  assert.deepEqual([...new Set(times)], [...new Set(clock)])
})

live('`any` sees every interface, without promiscuous mode', async (t, { client, server }) => {
  const source = await open(t, server, { interfaceName: 'any', filter: 'udp port 9' })
  client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
  server.run('bash', '-c', 'echo x >/dev/udp/127.0.0.1/9')
  source.stop()
  const { packets } = await readCapture(source)
  // libpcap shows what loopback carries once, not going out and coming in.
  assert.equal(packets.length, 2)
  assert.deepEqual([...new Set(packets.map((p) => p.linkType))], [LINKTYPE_LINUX_SLL])
})

live('a snapshot length cuts packets and says how long they were', async (t, { client, server }) => {
  const source = await open(t, server, { filter: 'udp port 9', snapshotBytes: 60 })
  client.run('bash', '-c', `printf %500s x >/dev/udp/${server.ipv4}/9`)
  source.stop()
  const { packets } = await readCapture(source)
  assert.deepEqual(
    packets.map((p) => [p.bytes.length, p.originalLength]),
    [[60, 542]],
  )
})

live('ends with a reason when the interface vanishes', async (t, pair) => {
  const source = await open(t, pair.server, { filter: 'udp port 9' })
  pair.client.run('bash', '-c', `echo x >/dev/udp/${pair.server.ipv4}/9`)
  pair.removeCable()
  const { packets, damage } = await readCapture(source)
  assert.equal(packets.length, 1)
  assert.equal(damage, undefined)
  assert.equal(source.endReason, 'interface-gone')
  assert.equal(source.endMessage, 'eth0 is gone')
})

live('goes on when the interface went down and came up again', async (t, { client, server }) => {
  const source = await open(t, server, { filter: 'udp port 9' })
  let step = 0
  const { packets } = await readCapture(source, {
    onProgress: (soFar) => {
      const ticks = soFar.statistics.length
      if (step === 0 && ticks === 1) {
        step = 1
        server.run('ip', 'link', 'set', 'eth0', 'down')
      } else if (step === 1 && ticks === 4) {
        step = 2
        server.run('ip', 'link', 'set', 'eth0', 'up')
        client.run('ip', 'neigh', 'replace', server.ipv4, 'lladdr', macOf(server), 'dev', 'eth0')
        client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
      }
      if (soFar.packets.length > 0 || ticks > 40) source.stop()
    },
  })
  assert.equal(packets.length, 1)
  assert.equal(source.endReason, 'stopped')
})

live('a flood that nobody reads: stops when told to, and drops are counted', async (t, { client, server }) => {
  const source = await open(t, server, { kernelBufferBytes: 1024 * 1024 })
  flood(t, client, server)
  await sleep(1500)
  source.stop()
  const { statistics } = await readCapture(source)
  assert.equal(source.endReason, 'stopped')
  const last = statistics.at(-1)!
  assert.ok(last.dropped > 0, `dropped ${last.dropped} of ${last.received}`)
})

live('a flood that is read: statistics come in the midst of it, and a stop ends it', async (t, { client, server }) => {
  const source = await open(t, server, { snapshotBytes: 64 })
  flood(t, client, server)
  let stopped = 0
  const reader = readUntilStopped(source, 5, () => {
    stopped = Date.now() * 1000
  })
  const { packets, lastMicros } = await reader
  assert.equal(source.endReason, 'stopped')
  assert.ok(packets > 1000)
  assert.ok(lastMicros < stopped + 1e6, 'what came after the stop was not captured')
})

live('many bytes pass whole', async (t, { client, server }) => {
  await startNginx(t, server, { large: '0123456789abcde\n'.repeat(1_000_000) })
  const source = await open(t, server, { filter: 'tcp port 80', kernelBufferBytes: 64 * 1024 * 1024 })
  const reading = readCapture(source)
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/large`)
  source.stop()
  const { packets, statistics, damage } = await reading
  assert.equal(damage, undefined)
  assert.equal(statistics.at(-1)!.dropped, 0)
  assert.equal(statistics.at(-1)!.received, packets.length)
  const wireBytes = packets.reduce((sum, p) => sum + p.bytes.length, 0)
  assert.ok(wireBytes > 16_000_000)
})

for (const mode of ['direct', 'broker'] as const) {
  live(`${mode}: when the parent is killed, the child ends`, async (t, { server }) => {
    const holder = await hold(t, server, mode === 'broker' ? { brokerPath: programs.brokerPath } : {})
    const pids = descendants(holder.process.pid!)
    assert.equal(pids.length, mode === 'broker' ? 2 : 1)
    holder.process.kill('SIGKILL')
    await allGone(pids)
  })

  live(`${mode}: when the parent is killed in a flood, the child ends`, async (t, { client, server }) => {
    const holder = await hold(t, server, mode === 'broker' ? { brokerPath: programs.brokerPath } : {})
    const pids = descendants(holder.process.pid!)
    flood(t, client, server)
    await sleep(500)
    // Stopped, it reads no more: the child hangs in its write.
    holder.process.kill('SIGSTOP')
    await sleep(500)
    holder.process.kill('SIGKILL')
    await allGone(pids)
  })
}

live('with the broker the reader has no privilege, and captures all the same', async (t, { client, server }) => {
  const holder = await hold(t, server, { brokerPath: programs.brokerPath, user: NOBODY }, { filter: 'udp port 9' })
  assert.deepEqual(holder.listening, { userId: 65534, groups: [65534], mayCapture: false })
  client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
  holder.process.kill('SIGTERM')
  const end = JSON.parse((await holder.lines.next()).value) as HolderEnd
  assert.deepEqual(end, { packets: 1, endReason: 'stopped' })
  assert.deepEqual(await once(holder.process, 'exit'), [0, null])
})

live(
  'the broker opens several captures, one after another, and says why one cannot be',
  async (t, { client, server }) => {
    const launcher = new Broker(
      await startBroker(programs.program(server.wrapper), programs.brokerPath, ['open-interface']),
    )
    t.after(() => launcher.close())
    for (const interfaceName of ['eth0', 'any', 'eth0']) {
      const source = await openLiveSource({ ...REQUEST, interfaceName, filter: 'udp port 9' }, launcher)
      client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
      source.stop()
      assert.equal((await readCapture(source)).packets.length, 1)
      assert.equal(source.endReason, 'stopped')
      await source.close()
    }
    await refused(
      openLiveSource({ ...REQUEST, interfaceName: 'eth1' }, launcher),
      /^there is no interface eth1$/,
      /eth0/,
    )
    await refused(openLiveSource({ ...REQUEST, interfaceName: '../eth0' }, launcher), /not the name of an interface/)
    const source = await openLiveSource(REQUEST, launcher)
    const reading = readCapture(source)
    await launcher.close()
    await reading
    assert.equal(source.endReason, 'failed')
  },
)

live('says what is wrong: name, filter, state, permission', async (_t, { server }) => {
  const direct = directLauncher(programs.program(server.wrapper))
  const asNobody = directLauncher(programs.program([...server.wrapper, ...AS_NOBODY]))
  const ask = (changes: Partial<CaptureRequest>, launcher = direct) =>
    openLiveSource({ ...REQUEST, ...changes }, launcher)
  await refused(ask({ interfaceName: 'eht0' }), /^there is no interface eht0$/, /^there are: eth0, lo, or any/)
  await refused(
    ask({ filter: 'prot 80' }),
    /^bad filter 'prot 80': .*syntax error/,
    /^a filter looks like this: 'tcp port 80/,
  )
  await refused(ask({ filter: 'radio' }), /^bad filter 'radio': /)
  await refused(ask({}, asNobody), /^no permission to capture on eth0 \(.+\)$/, /--cap-add NET_RAW/)
  await refused(ask({ interfaceName: 'eht0' }, asNobody), /^there is no interface eht0$/)
  server.run('ip', 'link', 'set', 'eth0', 'down')
  await refused(ask({}), /^eth0 is down$/, /^bring it up: ip link set eth0 up$/)
  const broken = directLauncher({ ...programs.program(), childPath: '/nonexistent/child.js' })
  await refused(ask({}, broken), /^the capture of eth0 broke off \(exit code 1\): .*Cannot find module/)
  const noNode = directLauncher({ ...programs.program(), execPath: '/nonexistent/node' })
  await refused(ask({}, noNode), /^the capture of eth0 broke off \(not started\): .*ENOENT/)
})

live('a user who is not root captures through a launcher that may', async (t, { client, server }) => {
  // What the image does: a copy of setpriv with one file capability.
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-launcher-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const launcherPath = join(folder, 'setpriv-net-raw')
  copyFileSync(server.run('which', 'setpriv').trim(), launcherPath)
  server.run('setcap', 'cap_net_raw+ep', launcherPath)
  server.run('chmod', '755', folder, launcherPath)
  const wrapper = capabilityWrapper(launcherPath, 65534)
  assert.equal(wrapper[0], launcherPath)
  assert.deepEqual(capabilityWrapper(join(folder, 'missing'), 65534), [])
  assert.deepEqual(capabilityWrapper(launcherPath, 0), [])

  const program = programs.program([...server.wrapper, ...AS_NOBODY, ...wrapper])
  const source = await openLiveSource({ ...REQUEST, filter: 'udp port 9' }, directLauncher(program))
  t.after(() => source.close())
  client.run('bash', '-c', `echo x >/dev/udp/${server.ipv4}/9`)
  source.stop()
  assert.equal((await readCapture(source)).packets.length, 1)
})

/** More than can be captured: small datagrams as fast as one process can send them. */
function flood(t: TestContext, from: Host, to: Host): void {
  // Not connected, so that "port unreachable" does not end it.
  const sender = from.spawn('socat', ['-u', '-b', '64', '/dev/zero', `UDP-SENDTO:${to.ipv4}:9`])
  t.after(() => sender.kill('SIGKILL'))
}

/** Reads without keeping packets; stops the source at the given number of statistics blocks. */
async function readUntilStopped(source: LiveSource, ticks: number, onStop: () => void) {
  const { READ_END, READ_NEED_INPUT, READ_PACKET, READ_STATISTICS, SavefileReader } = await import(
    '../../src/savefile/reader.ts'
  )
  const reader = new SavefileReader(source.name, Buffer.alloc(1024 * 1024))
  let seen = 0
  let packets = 0
  let lastMicros = 0
  for (let status = reader.next(); status !== READ_END; status = reader.next()) {
    if (status === READ_NEED_INPUT) await reader.fill(source)
    else if (status === READ_PACKET) {
      packets++
      lastMicros = reader.packet.time.seconds * 1e6
    } else if (status === READ_STATISTICS && ++seen === ticks) {
      onStop()
      source.stop()
    }
  }
  return { packets, lastMicros }
}

interface Holder {
  readonly process: ChildProcess
  readonly listening: HolderListening
  readonly lines: NodeJS.AsyncIterator<string>
}

/** Starts test/support/capture-holder.ts and waits until it listens. */
async function hold(
  t: TestContext,
  host: Host,
  options: Omit<HolderOptions, 'program' | 'request'>,
  changes: Partial<CaptureRequest> = {},
): Promise<Holder> {
  const all: HolderOptions = {
    ...options,
    program: programs.program(host.wrapper),
    request: { ...REQUEST, ...changes },
  }
  const script = join(import.meta.dirname, '../support/capture-holder.ts')
  const holder = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(all)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => holder.kill('SIGKILL'))
  const lines: Interface = createInterface({ input: holder.stdout })
  const iterator = lines[Symbol.asyncIterator]()
  const first = await iterator.next()
  return { process: holder, listening: JSON.parse(first.value) as HolderListening, lines: iterator }
}

/** Process ids of children and their children that run one of the capture programs. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if (!readFileSync(`/proc/${entry}/cmdline`, 'latin1').includes('/capture-')) continue
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {} // it ended meanwhile
  }
  const found: number[] = []
  const visit = (parent: number): void => {
    for (const [child, itsParent] of parents) {
      if (itsParent !== parent) continue
      found.push(child)
      visit(child)
    }
  }
  visit(pid)
  return found
}

/** Resolves when none of the processes is left; the test's timeout bounds it. */
async function allGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (isRunning(pid)) await sleep(50)
}

/** A zombie has ended: whoever inherited it has just not looked yet. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return false
  }
}

function macOf(host: Host): string {
  return host.run('cat', '/sys/class/net/eth0/address').trim()
}

async function refused(opening: Promise<LiveSource>, message: RegExp, hint?: RegExp): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof OperatorError)
    assert.match(error.message, message)
    if (hint !== undefined) assert.match(error.hint ?? '', hint)
    return true
  })
}

/** Contents in short, for a readable failure. */
function fingerprint(packet: CapturedPacket): string {
  const digest = createHash('sha1').update(packet.bytes).digest('hex')
  return `${digest} ${packet.originalLength}`
}

/** tcpdump's file, whole. */
function fileSource(path: string) {
  const bytes = readFileSync(path)
  let at = 0
  return {
    name: path,
    totalBytes: bytes.length,
    consumedBytes: 0,
    read(into: Buffer, start: number, end: number): number {
      const count = bytes.copy(into, start, at, at + end - start)
      at += count
      return count
    },
    stop() {},
    async close() {},
  }
}
