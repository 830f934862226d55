// `npm run bench [-- name …]`: our built program against tcpflow and tcpdump on the same captures in the same run.
// Names: console files memory start latency json diagnose live. BENCH_FOLDER holds captures (2.4 GB), BENCH_ROUNDS the runs of each (3).
// For live: BENCH_LIVE_VIEWS (of console,files,latency,json,save), BENCH_LIVE_RATES (packets a second), and BENCH_PROGRAMS:
// builds to compare with this one (paths of their tcpflow.js).

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaptureName, captureFile } from './captures.ts'
import { benchLive } from './live.ts'
import { compare, median, type Run, runOnce } from './measure.ts'

const folder = process.env.BENCH_FOLDER ?? join(tmpdir(), 'tcpflow-bench')
const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const program = join(import.meta.dirname, '../../dist/tcpflow.js')
const wanted = process.argv.slice(2)

function list(variable: string): string[] {
  return (process.env[variable] ?? '').split(',').filter((word) => word !== '')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function seconds(runs: readonly Run[]): string {
  return `${median(runs.map((r) => r.wallSeconds)).toFixed(2)} s`
}

function peak(runs: readonly Run[]): string {
  return `${Math.max(...runs.map((r) => r.peakMemoryMegabytes)).toFixed(0)} MB`
}

function row(name: string, cells: readonly string[], goal: string): void {
  say(`${name.padEnd(16)} ${cells.map((c) => c.padEnd(24)).join(' ')} ${goal}`)
}

const ours = (...args: string[]) => [process.execPath, program, ...args]

/** A folder that is empty before each run; removing it does not count. */
function emptyFolder(name: string): { path: string; before: () => void } {
  const path = join(folder, name)
  return {
    path,
    before: () => {
      rmSync(path, { recursive: true, force: true })
      mkdirSync(path, { recursive: true })
    },
  }
}

async function benchConsole(): Promise<void> {
  say('\nConsole to /dev/null (tcpflow -c, sanitised): how many times as fast as tcpflow; tcpdump only copies')
  const goals: [CaptureName, string][] = [
    ['http', 'goal 5, aim 8'],
    ['bulk', 'goal 5, aim 8'],
    ['short', 'goal 5, aim 8'],
    ['flood', 'goal 5, aim 8'],
  ]
  for (const [name, goal] of goals) {
    const capture = captureFile(folder, name)
    const place = emptyFolder('console')
    const result = await compare(
      { argv: ours('-c', '-r', capture), cwd: folder },
      { argv: ['tcpflow', '-c', '-r', capture], cwd: place.path, before: place.before },
      rounds,
    )
    const floor = await runOnce({ argv: ['tcpdump', '-r', capture, '-w', '/dev/null'] })
    row(
      name,
      [
        `${result.speedup.toFixed(1)}×`,
        `ours ${seconds(result.ours)} ${peak(result.ours)}`,
        `tcpflow ${seconds(result.theirs)} ${peak(result.theirs)}`,
        `tcpdump ${seconds([floor])}`,
      ],
      goal,
    )
  }
}

async function benchFiles(): Promise<void> {
  say('\nPer-flow files (tcpflow -o): how many times as fast as tcpflow')
  const goals: [CaptureName, string][] = [
    ['http', 'goal 2.5'],
    ['bulk', 'goal 1.3'],
    ['short', 'goal 1.5'],
  ]
  for (const [name, goal] of goals) {
    const capture = captureFile(folder, name)
    const a = emptyFolder('files-ours')
    const b = emptyFolder('files-theirs')
    const result = await compare(
      { argv: ours('-o', a.path, '-r', capture), before: a.before },
      { argv: ['tcpflow', '-o', b.path, '-r', capture], before: b.before },
      name === 'short' ? 1 : rounds,
    )
    row(
      name,
      [
        `${result.speedup.toFixed(1)}×`,
        `ours ${seconds(result.ours)} ${peak(result.ours)}`,
        `tcpflow ${seconds(result.theirs)} ${peak(result.theirs)}`,
      ],
      goal,
    )
    a.before()
    b.before()
  }
}

async function benchMemory(): Promise<void> {
  say('\nPeak memory of ours, console: 300,000 against 1,200,000 short connections')
  const few = await runOnce({ argv: ours('-c', '-r', captureFile(folder, 'short')) })
  const many = await runOnce({ argv: ours('-c', '-r', captureFile(folder, 'short-1200k')) })
  row('short', [`300k ${peak([few])}`, `1200k ${peak([many])}`], 'goal under 200 MB, not growing')
}

async function benchStart(): Promise<void> {
  say('\nStart: how many times as long as `node -e 0`')
  for (const flag of ['--version', '--help']) {
    const result = await compare({ argv: ours(flag) }, { argv: [process.execPath, '-e', '0'] }, 15)
    const ratio = median(result.ours.map((run, i) => run.wallSeconds / result.theirs[i]!.wallSeconds))
    row(flag, [`${ratio.toFixed(2)}×`, seconds(result.ours), `node ${seconds(result.theirs)}`], 'goal at most 1.6')
  }
}

/** Against our own console: what an event costs more than the text that is in it. */
async function benchJson(): Promise<void> {
  say('\n--json of a file to /dev/null: user CPU, how many times that of the console')
  const capture = captureFile(folder, 'http')
  const result = await compare({ argv: ours('--json', '-r', capture) }, { argv: ours('-c', '-r', capture) }, rounds)
  const ratio = median(result.ours.map((run, i) => run.userSeconds / result.theirs[i]!.userSeconds))
  const user = (runs: readonly Run[]): string => `${median(runs.map((run) => run.userSeconds)).toFixed(2)} s`
  row(
    'http',
    [`${ratio.toFixed(2)}×`, `--json ${user(result.ours)} ${peak(result.ours)}`, `console ${user(result.theirs)}`],
    `goal at most 2.5: ${ratio <= 2.5 ? 'met' : 'NOT MET'}`,
  )
}

/** Against our own console: a healthy capture, many requests, and a flood. */
async function benchDiagnose(): Promise<void> {
  say('\ntcpflow diagnose of a file: how many times the time of the console')
  for (const name of ['http', 'short', 'flood', 'redis-short'] as const) {
    const capture = captureFile(folder, name)
    const result = await compare({ argv: ours('diagnose', '-r', capture) }, { argv: ours('-c', '-r', capture) }, rounds)
    const ratio = median(result.ours.map((run, i) => run.wallSeconds / result.theirs[i]!.wallSeconds))
    row(
      name,
      [
        `${ratio.toFixed(2)}×`,
        `diagnose ${seconds(result.ours)} ${peak(result.ours)}`,
        `console ${seconds(result.theirs)} ${peak(result.theirs)}`,
      ],
      `goal at most 2: ${ratio <= 2 ? 'met' : 'NOT MET'}`,
    )
  }
}

/** Lines, JSON and the table alone of the same exchanges; memory at a quarter of them and at all. */
async function benchLatency(): Promise<void> {
  say('\nExchanges a second from a file (tcpflow latency, to /dev/null)')
  const captures: [CaptureName, CaptureName, number, string][] = [
    ['redis', 'redis-short', 3_000_000, 'goal 300,000/s'],
    ['http-small', 'http-small-short', 1_000_000, 'goal 150,000/s'],
  ]
  for (const [name, shorter, exchanges, goal] of captures) {
    const capture = captureFile(folder, name)
    for (const [format, ...flags] of [['lines'], ['json', '--json'], ['table', '--table']] as const) {
      const runs: Run[] = []
      for (let i = 0; i < rounds; i++) runs.push(await runOnce({ argv: ours('latency', ...flags, '-r', capture) }))
      if (runs.some((r) => r.exitCode !== 0)) throw new Error(`latency of ${name} failed`)
      const few = await runOnce({ argv: ours('latency', ...flags, '-r', captureFile(folder, shorter)) })
      const rate = exchanges / median(runs.map((r) => r.wallSeconds))
      row(
        `${name} ${format}`,
        [
          `${Math.round(rate / 1000)},000/s`,
          `${seconds(runs)}, a quarter ${seconds([few])}`,
          `${peak(runs)}, a quarter ${peak([few])}`,
        ],
        goal,
      )
    }
  }
}

const benches: Record<string, () => Promise<void>> = {
  console: benchConsole,
  files: benchFiles,
  memory: benchMemory,
  start: benchStart,
  latency: benchLatency,
  json: benchJson,
  diagnose: benchDiagnose,
  live: () =>
    benchLive(
      {
        programs: [program, ...list('BENCH_PROGRAMS')],
        capture: captureFile(folder, 'http-live'),
        rounds,
        views: list('BENCH_LIVE_VIEWS'),
        rates: list('BENCH_LIVE_RATES').map(Number),
      },
      say,
    ),
}

// Namespaces and servers are taken down when the process exits, which a signal alone does not let it do.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

if (!existsSync(program)) throw new Error('dist/tcpflow.js is missing: npm run build')
for (const name of wanted)
  if (!(name in benches)) throw new Error(`no benchmark ${name}: ${Object.keys(benches).join(' ')}`)
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) await bench()
}
