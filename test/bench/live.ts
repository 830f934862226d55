// Live capture: a capture replayed over a virtual cable at a set rate, read at the other end by us, by tcpflow and by
// tcpdump in turn. What counts: processor time for each packet, all processes of a program together, and packets dropped.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type LiveCost, underLoad } from './live-load.ts'
import { median } from './measure.ts'

const USUAL_RATE = 60_000
/** Up to here we may drop nothing. */
const RATE_WITHOUT_DROPS = 100_000
/** Tried in turn, to find the highest at which tcpdump drops nothing; above the last one the sender is the limit. */
const RATES = [80_000, 100_000, 130_000, 160_000, 200_000, 250_000, 300_000]
/** The sender keeps up with a rate if it comes this close to it. */
const KEPT_UP = 0.95

/** What runs. The first two are what the others are compared with. */
interface Contestant {
  readonly name: string
  /** `folder` is empty. */
  readonly argv: (folder: string) => readonly string[]
  /** Whose cost the ratio is of, and what is wanted of it. */
  readonly against?: string
  readonly goal?: number
}

export interface LiveBenchOptions {
  /** dist/tcpflow.js, and perhaps other builds of it to compare with. */
  readonly programs: readonly string[]
  readonly capture: string
  readonly rounds: number
  /** Only these of console, files, latency, json and save; empty: all. */
  readonly views: readonly string[]
  /** Packets a second; empty: the usual one, the one without drops, and the highest at which tcpdump drops nothing. */
  readonly rates: readonly number[]
}

export async function benchLive(options: LiveBenchOptions, say: (line: string) => void): Promise<void> {
  const why = whyNoNamespaces() ?? whyNoReplay()
  if (why !== undefined) return say(`\nLive capture: left out, ${why}`)
  const cleanups: (() => unknown)[] = []
  const cleanup = { after: (fn: () => unknown) => void cleanups.push(fn) }
  try {
    const pair = makeHostPair(cleanup)
    const folder = mkdtempSync(join(tmpdir(), 'tcpflow-bench-live-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    const rates = options.rates.length > 0 ? options.rates : await usualRates(options, pair, folder)
    for (const rate of rates) await benchRate(rate, options, pair, folder, say)
  } finally {
    for (const fn of cleanups.reverse()) await fn()
  }
}

function whyNoReplay(): string | undefined {
  return spawnSync('tcpreplay', ['--version']).status === 0 ? undefined : 'tcpreplay is not installed'
}

function contestants(programs: readonly string[], interfaceName: string, views: readonly string[]): Contestant[] {
  const listen = ['-i', interfaceName]
  const reference: Contestant[] = [
    { name: 'tcpdump -w /dev/null', argv: () => ['tcpdump', '-n', ...listen, '-w', '/dev/null'] },
    { name: 'tcpflow console', argv: () => ['tcpflow', '-c', ...listen] },
    { name: 'tcpflow files', argv: (folder) => ['tcpflow', '-o', folder, ...listen] },
  ]
  const ours = programs.flatMap((program, i) => {
    const label = i === 0 ? '' : ` ${i + 1}`
    const run = (...args: string[]): string[] => [process.execPath, program, ...args, ...listen]
    const all: (Contestant & { view: string })[] = [
      { view: 'console', name: 'console', argv: () => run('-c'), against: 'tcpflow console', goal: 0.65 },
      { view: 'files', name: 'files', argv: (folder) => run('-o', folder), against: 'tcpflow files', goal: 0.65 },
      { view: 'latency', name: 'latency', argv: () => run('latency'), against: 'tcpflow console', goal: 1 },
      { view: 'json', name: '--json=none', argv: () => run('--json=none'), against: 'tcpflow console' },
      {
        view: 'save',
        name: '-w',
        argv: (folder) => run('-w', join(folder, 'saved.pcapng')),
        against: 'tcpdump -w /dev/null',
      },
    ]
    const wanted = all.filter(({ view }) => views.length === 0 || views.includes(view))
    return wanted.map((contestant) => ({ ...contestant, name: `ours${label} ${contestant.name}` }))
  })
  const needed = reference.filter(
    ({ name }) => ours.some(({ against }) => against === name) || name.startsWith('tcpdump'),
  )
  return [...needed, ...ours]
}

async function benchRate(
  rate: number,
  options: LiveBenchOptions,
  pair: HostPair,
  folder: string,
  say: (line: string) => void,
): Promise<void> {
  const all = contestants(options.programs, pair.server.interfaceName, options.views)
  const costs = new Map<Contestant, LiveCost[]>(all.map((each) => [each, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const [contestant, runs] of costs) runs.push(await runOf(contestant, rate, options.capture, pair, folder))
  }
  say(
    `\nLive on a veth, ${rate.toLocaleString('en')} packets/s: processor time for each packet, medians of ${options.rounds}`,
  )
  say(line('', 'µs', 'user', 'memory', 'dropped', 'of each process', 'ratio'))
  for (const [contestant, runs] of costs) say(rowOf(contestant, runs, costs, rate))
}

async function runOf(
  { argv }: Contestant,
  rate: number,
  capture: string,
  pair: HostPair,
  folder: string,
): Promise<LiveCost> {
  const output = join(folder, 'output')
  rmSync(output, { recursive: true, force: true })
  mkdirSync(output)
  return await underLoad(argv(output), pair, capture, rate, output)
}

function rowOf(
  { name, against, goal }: Contestant,
  runs: readonly LiveCost[],
  costs: ReadonlyMap<Contestant, readonly LiveCost[]>,
  rate: number,
): string {
  const middle = (of: (cost: LiveCost) => number): number => median(runs.map(of))
  const processes = [...runs[0]!.microsByProcess.keys()].map(
    (process) => `${process} ${middle((cost) => cost.microsByProcess.get(process) ?? 0).toFixed(2)}`,
  )
  let verdict = ''
  const theirs = [...costs].find(([other]) => other.name === against)?.[1]
  if (theirs !== undefined) {
    const ratio = median(runs.map((run, i) => run.micros / theirs[i]!.micros))
    verdict = `${ratio.toFixed(2)}× ${against}`
    if (goal !== undefined) verdict += `, goal ${goal.toFixed(2)}: ${ratio <= goal ? 'met' : 'NOT MET'}`
  }
  if (!name.startsWith('tcp') && rate <= RATE_WITHOUT_DROPS) {
    const drops = runs.some(({ dropped }) => dropped > 0)
    verdict += `; no drops: ${drops ? 'NOT MET' : 'met'}`
  }
  const sent = middle((cost) => cost.packetsPerSecond)
  if (sent < rate * KEPT_UP) verdict += ` (only ${Math.round(sent).toLocaleString('en')} packets/s came)`
  return line(
    name,
    middle((cost) => cost.micros).toFixed(2),
    middle((cost) => cost.userMicros).toFixed(2),
    `${Math.max(...runs.map((run) => run.peakMegabytes)).toFixed(0)} MB`,
    name.startsWith('tcpflow') ? 'untold' : runs.map((run) => run.dropped).join(' '),
    processes.join(', '),
    verdict,
  )
}

function line(name: string, ...[micros, user, memory, dropped, processes, verdict]: string[]): string {
  const numbers = [micros, user].map((text) => text!.padStart(6)).join(' ')
  return `${name.padEnd(22)} ${numbers} ${memory!.padStart(8)}  ${dropped!.padEnd(12)} ${processes!.padEnd(44)} ${verdict}`
}

async function usualRates(options: LiveBenchOptions, pair: HostPair, folder: string): Promise<number[]> {
  return [...new Set([USUAL_RATE, RATE_WITHOUT_DROPS, await highestRate(options, pair, folder)])]
}

/** In packets a second. */
async function highestRate(options: LiveBenchOptions, pair: HostPair, folder: string): Promise<number> {
  const [tcpdump] = contestants([], pair.server.interfaceName, [])
  let highest = USUAL_RATE
  for (const rate of RATES) {
    const { dropped, packetsPerSecond } = await runOf(tcpdump!, rate, options.capture, pair, folder)
    if (dropped > 0 || packetsPerSecond < rate * KEPT_UP) break
    highest = rate
  }
  return highest
}
