// Flags of `tcpflow diagnose` → plan, and the texts of --explain.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { diagnosePlanFromFlags } from '../../src/cli/diagnose-plan.ts'
import { explainFinding } from '../../src/cli/explain-finding.ts'
import { formatHelp } from '../../src/cli/help.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { quickAnswer } from '../../src/cli/quick-answer.ts'
import { UsageError } from '../../src/core/errors.ts'
import { FINDING_KINDS } from '../../src/diagnosis/registry.ts'
import type { DiagnosePlan, Plan } from '../../src/plan.ts'
import { assertGolden } from '../support/golden.ts'

const PIPED = { env: {}, cwd: '/work', stdoutIsTerminal: false, stderrIsTerminal: false }

function planned(argv: readonly string[], surroundings = PIPED): { plan: Plan; diagnose: DiagnosePlan } {
  const { settings, words } = parseArguments(argv)
  const { plan } = diagnosePlanFromFlags(settings, words, surroundings)
  return { plan, diagnose: plan.diagnose! }
}

function refusal(...argv: string[]): UsageError {
  try {
    planned(argv)
  } catch (error) {
    assert.ok(error instanceof UsageError)
    return error
  }
  return assert.fail('it was accepted')
}

describe('the plan', () => {
  test('without flags', () => {
    const { plan, diagnose } = planned(['diagnose', 'host', '10.0.0.1'])
    assert.equal(plan.filter, 'host 10.0.0.1')
    assert.deepEqual([plan.console, plan.json, plan.files, plan.notes], [undefined, undefined, undefined, false])
    assert.deepEqual(diagnose, {
      format: 'lines',
      ids: undefined,
      notIds: [],
      minimumSeverity: 'note',
      slowMillis: 1000,
      hungAfterMillis: 30_000,
      everyMillis: 0,
      exitCode: false,
      keepAround: undefined,
      color: false,
    } satisfies DiagnosePlan)
  })

  test('all its flags', () => {
    const argv =
      'diagnose --id refused,unanswered --id rejected --not-id mid-stream --min-severity warning --slow 250ms'
    const { diagnose } = planned(`${argv} --hung-after 5s --json --every 1m --exit-code --color`.split(' '))
    assert.deepEqual(diagnose, {
      format: 'json',
      ids: ['refused', 'unanswered', 'rejected'],
      notIds: ['mid-stream'],
      minimumSeverity: 'warning',
      slowMillis: 250,
      hungAfterMillis: 5000,
      everyMillis: 60_000,
      exitCode: true,
      keepAround: undefined,
      color: true,
    } satisfies DiagnosePlan)
  })

  test('sources and -w as in the dump', () => {
    const { plan } = planned(['diagnose', '-r', 'a.pcap', '-r', 'b.pcap', '-w', 'all.pcapng'])
    assert.deepEqual(plan.input, { kind: 'files', paths: ['a.pcap', 'b.pcap'], finishPaths: [] })
    assert.equal(plan.save?.path, 'all.pcapng')
    assert.equal(plan.files, undefined)
  })

  test('colour as everywhere', () => {
    const terminal = { ...PIPED, stdoutIsTerminal: true }
    assert.equal(planned(['diagnose'], terminal).diagnose.color, true)
    assert.equal(planned(['diagnose'], { ...terminal, env: { NO_COLOR: '1' } }).diagnose.color, false)
  })

  test('what cannot be', () => {
    assert.match(refusal('diagnose', '-w', '-').message, /-w - would mix packets with the report/)
    assert.match(refusal('diagnose', '--id', 'refused', '--not-id', 'refused').message, /both name refused/)
    assert.match(refusal('diagnose', '--id', 'refused,').message, /--id: "refused," is not a list of words/)
    assert.match(refusal('diagnose', '--slow', '0').message, /--slow: "0" is too small/)
    const unknown = refusal('diagnose', '--not-id', 'refussed')
    assert.equal(unknown.message, '--not-id: there is no finding "refussed"')
    assert.match(unknown.hint ?? '', /^did you mean refused\?/)
    assert.match(refusal('-c', 'diagnose').message, /diagnose has flags of its own, so it must be the first word/)
    assert.match(refusal('-r', 'a.pcap', 'diagnose', '--hung-after', '3s').hint ?? '', /tcpflow diagnose …/)
    assert.match(refusal('diagnos').hint ?? '', /did you mean diagnose\?/)
  })
})

describe('--explain', () => {
  test("the rules' own texts", () => {
    const refused = FINDING_KINDS.find(({ id }) => id === 'refused')!
    const words = explainFinding('refused', false).replace(/\s+/g, ' ')
    for (const text of [refused.title, refused.meaning, refused.told, refused.limits, refused.advice]) {
      assert.ok(words.includes(text), text)
    }
  })

  test('every id has all of them, in lines of at most 80 columns', () => {
    for (const { id, meaning, told, limits, advice } of FINDING_KINDS) {
      const text = explainFinding(id, false)
      for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
      for (const part of [meaning, told]) assert.notEqual(part, '', id)
      assert.equal(text.includes('What to do'), advice !== '')
      assert.equal(text.includes('What it cannot tell'), limits !== '')
    }
  })

  test('without an id: all of them, each once', () => {
    const listed = explainFinding('', false)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0])
    assert.deepEqual(listed, [...new Set(FINDING_KINDS.map(({ id }) => id))])
    assert.equal(parseArguments(['diagnose', '--explain']).settings.diagnose.explain, '')
    assert.equal(parseArguments(['diagnose', '--explain', 'refused']).settings.diagnose.explain, 'refused')
  })

  test('an id that does not exist', () => {
    for (const [typed, meant] of [
      ['unanswerd', 'unanswered'],
      ['port', 'port-reuse'],
      ['REFUSED', 'refused'],
      ['x'.repeat(100_000), ''],
      ['\x1b[2J', ''],
    ] as const) {
      assert.throws(
        () => explainFinding(typed, false),
        (error) => error instanceof UsageError && (error.hint ?? '').includes(`did you mean ${meant}`),
      )
    }
  })
})

test('help: of the command itself, and by name', () => {
  assertGolden('cli/diagnose-help.txt', formatHelp(false, 'diagnose'))
  assert.equal(
    quickAnswer(['diagnose', '--help'], {}, () => false),
    formatHelp(false, 'diagnose'),
  )
  assert.equal(
    quickAnswer(['containers', '--help'], {}, () => false),
    formatHelp(false, 'containers'),
  )
  assert.equal(
    quickAnswer(['ps', '-h'], {}, () => false),
    formatHelp(false, 'containers'),
  )
  for (const [word, table] of [
    ['diagnose', 'diagnose'],
    ['latency', 'latency'],
    ['ps', 'containers'],
    ['help', 'dump'],
  ] as const) {
    const { settings } = parseArguments(['help', word])
    assert.deepEqual([settings.command, settings.flagTable], ['help', table])
  }
  assert.equal(parseArguments(['help']).settings.flagTable, 'dump')
  assert.match(refusal('help', 'diagnoze').hint ?? '', /did you mean diagnose\?/)
  assert.match(refusal('help', 'port').message, /no such command: port/)
})

test('words that only look like commands are filters', () => {
  for (const word of ['constructor', 'toString', '__proto__']) {
    assert.deepEqual(parseArguments([word]).words, [word])
  }
})
