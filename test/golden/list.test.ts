// Runs every row of LIST and compares what comes out.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { assertGolden } from '../support/golden.ts'
import { GOLDEN_CAPTURES } from '../support/golden-captures.ts'
import { skipped, tcpflow, temporaryFolder } from '../support/program.ts'
import { SHARED_CAPTURES, whyNoSharedCaptures } from '../support/shared-captures.ts'


const COMMANDS = ['latency', 'diagnose']

interface Row {
  readonly name: string
  readonly capture: string
  readonly output: string
  readonly flags: readonly string[]
}

const rows: Row[] = readFileSync(join(import.meta.dirname, 'LIST'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [name, capture, output, ...flags] = line.split(/\s+/)
    return { name: name!, capture: capture!, output: output!, flags }
  })

describe('LIST', () => {
  test('has rows, each with a name and an output of its own', () => {
    assert.ok(rows.length >= 25, String(rows.length))
    assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
    assert.equal(new Set(rows.map(({ output }) => output)).size, rows.length)
  })

  for (const { name, capture, output, flags } of rows) {
    test(name, async (t) => {
      const shared = capture.startsWith('shared:') ? join(SHARED_CAPTURES, capture.slice('shared:'.length)) : undefined
      if (shared !== undefined && skipped(t, whyNoSharedCaptures())) return
      const folder = temporaryFolder(t)
      const bytes = shared === undefined ? GOLDEN_CAPTURES[capture]!() : readFileSync(shared)
      writeFileSync(join(folder, 'trace'), bytes)
      const command = COMMANDS.includes(flags[0] ?? '') ? [flags[0]!] : []
      const args = [...command, '-r', 'trace', ...flags.slice(command.length)]
      const { stdout, stderrBytes } = await tcpflow(t, args, { cwd: folder, env: { TZ: 'UTC' } })
      assertGolden(output, Buffer.concat([stdout, stderrBytes]))
    })
  }
})
