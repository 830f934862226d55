// The load of the live benchmark: a capture replayed at a set rate over a virtual cable, and one program that listens at
// the other end of it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, HostPair } from '../support/netns.ts'
import { type ProcessTime, processTimes } from './process-cpu.ts'

/** How long a program may go on working after the last packet. */
const SETTLE_MILLIS = 400

export interface LiveCost {
  readonly packets: number
  /** That really went over the cable. */
  readonly packetsPerSecond: number
  /** Processor time for each packet, user and system, of each process: `tcpflow.js`, `capture-child.js`, `tcpdump` … */
  readonly microsByProcess: ReadonlyMap<string, number>
  /** The sum. */
  readonly micros: number
  readonly userMicros: number
  /** Largest resident memory of all processes together. */
  readonly peakMegabytes: number
  /** By the kernel, as the program itself says at its end; 0 where it does not say. */
  readonly dropped: number
}

/** Starts `argv` at the server's end, sends the capture at the rate, and tells what `argv` used meanwhile. */
export async function underLoad(
  argv: readonly string[],
  { client, server }: HostPair,
  capture: string,
  packetsPerSecond: number,
  cwd: string,
): Promise<LiveCost> {
  const child = server.spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], cwd })
  let stderr = ''
  child.stderr!.setEncoding('utf8')
  child.stderr!.on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  for (let tries = 0; tries < 400 && !stderr.includes('listening on'); tries++) await sleep(25)
  if (!stderr.includes('listening on')) throw new Error(`${argv.join(' ')} does not listen: ${stderr}`)
  await sleep(300)
  const before = processTimes(child.pid!)
  const packetsBefore = received(server)
  const started = performance.now()
  await replay(client, capture, packetsPerSecond)
  const seconds = (performance.now() - started) / 1000
  await sleep(SETTLE_MILLIS)
  const packets = received(server) - packetsBefore
  const after = processTimes(child.pid!)
  child.kill('SIGINT')
  await ended
  const times = after.map((now) => difference(now, before))
  const sum = (of: (time: ProcessTime) => number): number => times.reduce((total, time) => total + of(time), 0)
  const microsByProcess = new Map<string, number>()
  for (const time of times) {
    const name = nameOf(time)
    const micros = ((time.userSeconds + time.systemSeconds) * 1e6) / packets
    microsByProcess.set(name, (microsByProcess.get(name) ?? 0) + micros)
  }
  return {
    packets,
    packetsPerSecond: packets / seconds,
    microsByProcess,
    micros: (sum((time) => time.userSeconds + time.systemSeconds) * 1e6) / packets,
    userMicros: (sum((time) => time.userSeconds) * 1e6) / packets,
    peakMegabytes: sum((time) => time.peakMegabytes),
    dropped: droppedAccordingTo(stderr),
  }
}

async function replay(client: Host, capture: string, packetsPerSecond: number): Promise<void> {
  const options = ['--quiet', '--preload-pcap', `--pps=${packetsPerSecond}`, `--intf1=${client.interfaceName}`]
  const sender = client.spawn('tcpreplay', [...options, capture], { stdio: 'ignore' })
  await new Promise((resolve, reject) => {
    sender.on('error', reject)
    sender.on('close', resolve)
  })
}

function received(host: Host): number {
  return Number(host.run('cat', `/sys/class/net/${host.interfaceName}/statistics/rx_packets`))
}

function difference(now: ProcessTime, before: readonly ProcessTime[]): ProcessTime {
  const then = before.find(({ pid }) => pid === now.pid)
  if (then === undefined) return now
  return {
    ...now,
    userSeconds: now.userSeconds - then.userSeconds,
    systemSeconds: now.systemSeconds - then.systemSeconds,
  }
}

function nameOf({ arguments: argv }: ProcessTime): string {
  const script = argv.find((argument) => argument.endsWith('.js'))
  return (script ?? argv[0] ?? '').split('/').at(-1)!
}

function droppedAccordingTo(stderr: string): number {
  const ours = /([\d,]+) packets? dropped by the kernel because/.exec(stderr)
  const told = ours ?? /([\d,]+) packets? dropped by kernel/.exec(stderr)
  return Number(told?.[1]?.replaceAll(',', '') ?? 0)
}
