// Live capture under load: real nginx and wrk in two network namespaces, captured on the server's end of the cable by us
// and by tcpflow in turn. What counts: packets dropped, and processor time for each packet.

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Host, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { startNginx } from '../support/web-server.ts'
import { median } from './measure.ts'

const LOAD_SECONDS = 12
const ROUNDS = 3
const CLOCK_TICKS_PER_SECOND = 100

interface LiveRun {
  packets: number
  packetsPerSecond: number
  cpuMicrosPerPacket: number
  stderr: string
}

export async function benchLive(program: string, say: (line: string) => void): Promise<void> {
  const why = whyNoNamespaces()
  if (why !== undefined) return say(`\nLive capture: left out, ${why}`)
  const cleanups: (() => unknown)[] = []
  const cleanup = { after: (fn: () => unknown) => void cleanups.push(fn) }
  try {
    const { client, server } = makeHostPair(cleanup)
    await startNginx(cleanup, server, { 'index.html': 'x'.repeat(1500) })
    const folder = mkdtempSync(join(tmpdir(), 'tcpflow-bench-live-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    const ours = ['node', program, '-c', '-i', server.interfaceName, 'port 80']
    const theirs = ['tcpflow', '-c', '-i', server.interfaceName, 'port 80']
    say('\nLive on a veth under wrk (console to /dev/null): processor time a packet')
    const runs: { ours: LiveRun[]; theirs: LiveRun[] } = { ours: [], theirs: [] }
    for (let round = 0; round < ROUNDS; round++) {
      runs.ours.push(await underLoad(ours, client, server, folder))
      runs.theirs.push(await underLoad(theirs, client, server, folder))
    }
    report('ours', runs.ours, say)
    report('tcpflow', runs.theirs, say)
    const ratio = median(runs.ours.map((run, i) => run.cpuMicrosPerPacket / runs.theirs[i]!.cpuMicrosPerPacket))
    say(`ours / tcpflow: ${ratio.toFixed(2)} (goal under 1)`)
    const drops = runs.ours.map((run) => /([\d,]+) packets? dropped by the kernel/.exec(run.stderr)?.[1] ?? '0')
    say(`ours dropped: ${drops.join(', ')} (goal 0); tcpflow does not count what it drops`)
  } finally {
    for (const fn of cleanups.reverse()) await fn()
  }
}

function report(name: string, runs: readonly LiveRun[], say: (line: string) => void): void {
  const rate = median(runs.map((run) => run.packetsPerSecond))
  const cost = median(runs.map((run) => run.cpuMicrosPerPacket))
  say(`${name.padEnd(16)} ${Math.round(rate).toLocaleString('en')} packets/s  ${cost.toFixed(2)} µs CPU a packet`)
}

async function underLoad(argv: readonly string[], client: Host, server: Host, cwd: string): Promise<LiveRun> {
  const child = server.spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], cwd })
  let stderr = ''
  child.stderr!.on('data', (chunk) => {
    stderr += chunk
  })
  for (let tries = 0; tries < 200 && !stderr.includes('listening on'); tries++) await sleep(25)
  await sleep(200)
  const cpuBefore = cpuSeconds(child)
  const packetsBefore = wirePackets(server)
  const load = client.spawn('wrk', ['-t1', '-c32', `-d${LOAD_SECONDS}s`, `http://${server.ipv4}/`])
  await new Promise((resolve) => load.on('close', resolve))
  await sleep(500)
  const packets = wirePackets(server) - packetsBefore
  const cpu = cpuSeconds(child) - cpuBefore
  child.kill('SIGINT')
  await new Promise((resolve) => child.on('close', resolve))
  return { packets, packetsPerSecond: packets / LOAD_SECONDS, cpuMicrosPerPacket: (cpu * 1e6) / packets, stderr }
}

function wirePackets(host: Host): number {
  const statistics = `/sys/class/net/${host.interfaceName}/statistics`
  const read = (name: string): number => Number(host.run('cat', `${statistics}/${name}`))
  return read('rx_packets') + read('tx_packets')
}

/** Of a process and all its descendants. `ip netns exec` becomes the command itself. */
function cpuSeconds(child: ChildProcess): number {
  return tree(child.pid!).reduce((sum, pid) => sum + cpuOf(pid), 0)
}

function tree(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const fields = statFields(pid)
    if (fields !== undefined) parents.set(pid, Number(fields[1]))
  }
  const found = [root]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found
}

function cpuOf(pid: number): number {
  const fields = statFields(pid)
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND
}

function statFields(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  } catch {
    return undefined
  }
}
