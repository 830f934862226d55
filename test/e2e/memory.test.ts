// What a run costs in memory: a flood and short connections, and four times as many of them.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFlood, makeShort } from '../bench/captures.ts'
import { mustRun, temporaryFolder } from '../support/program.ts'

const FEWER = 40_000
const TIMES = 4
const MEGABYTE = 1024 * 1024
/** What the benchmark allows for ten times as many. */
const MAXIMUM_BYTES = 200 * MEGABYTE
/**
 * About 10 MB are usual: the table remembers the latest 131,072 connections. Had it kept 120,000 more of them whole, that
 * would be over 100 MB.
 */
const MAXIMUM_GROWTH_BYTES = 32 * MEGABYTE

/** Runs in the program's process: the kernel's own mark of its peak, read when it ends. */
const REPORT_PEAK = `import { readFileSync, writeFileSync } from 'node:fs'
process.on('exit', () => writeFileSync(process.env.PEAK_FILE, readFileSync('/proc/self/status')))`

/** Most memory that `tcpflow -c -r PATH` had resident. */
async function peakBytes(t: TestContext, path: string): Promise<number> {
  const peakFile = `${path}.peak`
  const stdout = openSync('/dev/null', 'w')
  t.after(() => closeSync(stdout))
  await mustRun(t, ['-q', '-c', '-r', path], {
    env: { PEAK_FILE: peakFile, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REPORT_PEAK)}` },
    stdout,
  })
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(peakFile, 'utf8'))![1]) * 1024
}

const captures = {
  'short connections': makeShort,
  'a flood of SYNs': makeFlood,
} as const

for (const [what, make] of Object.entries(captures)) {
  test(`${what}: memory is bounded, and does not grow with their number`, async (t) => {
    const folder = temporaryFolder(t)
    const peakOf = (count: number): Promise<number> => {
      const path = join(folder, `${count}.pcap`)
      make(path, count)
      return peakBytes(t, path)
    }
    const few = await peakOf(FEWER)
    const many = await peakOf(TIMES * FEWER)
    const figures = `${FEWER}: ${few / MEGABYTE} MB, ${TIMES * FEWER}: ${many / MEGABYTE} MB`
    assert.ok(many < MAXIMUM_BYTES, figures)
    assert.ok(many < few + MAXIMUM_GROWTH_BYTES, figures)
  })
}
