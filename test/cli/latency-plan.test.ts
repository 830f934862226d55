// Flags of `tcpflow latency` and of tcpkit → plan.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LATENCY_FLAGS } from '../../src/cli/flags/latency-flags.ts'
import { TCPKIT_FLAGS } from '../../src/cli/flags/tcpkit-flags.ts'
import { formatHelp } from '../../src/cli/help.ts'
import { latencyPlanFromFlags } from '../../src/cli/latency-plan.ts'
import { parseListen, parseThreshold } from '../../src/cli/latency-quantities.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { quickAnswer } from '../../src/cli/quick-answer.ts'
import { UsageError } from '../../src/core/errors.ts'
import type { LatencyPlan, Plan } from '../../src/plan.ts'
import { flagForms } from '../support/flag-forms.ts'
import { assertGolden } from '../support/golden.ts'

const PIPED = { env: { LANG: 'C.UTF-8' }, cwd: '/work', stdoutIsTerminal: false, stderrIsTerminal: false }

function planned(
  argv: readonly string[],
  surroundings = PIPED,
): { plan: Plan; latency: LatencyPlan; remarks: readonly string[] } {
  const { settings, words } = parseArguments(argv)
  const { plan, remarks } = latencyPlanFromFlags(settings, words, surroundings)
  return { plan, latency: plan.latency!, remarks }
}

describe('latency', () => {
  test('without flags', () => {
    const { plan, latency } = planned(['latency', 'port', '6379'])
    assert.equal(plan.filter, 'port 6379')
    assert.deepEqual([plan.console, plan.json, plan.files], [undefined, undefined, undefined])
    assert.deepEqual(latency, {
      program: 'tcpflow',
      protocol: 'auto',
      format: 'lines',
      threshold: undefined,
      top: 0,
      by: ['route'],
      everyMillis: 0,
      timeoutMillis: 5000,
      table: 'stderr',
      color: false,
      tableColor: false,
      unicode: true,
      stats: undefined,
      metrics: undefined,
      packets: 'none',
      compare: undefined,
    })
  })

  test('every flag', () => {
    const { plan, latency } = planned([
      ...['latency', '-i', 'lo', '-p', 'redis', '-t', '1.5', '--json', '--top', '7', '--by', 'server,key'],
      ...[
        '--every',
        '10s',
        '--timeout',
        '250ms',
        '--stats',
        '--metrics',
        '[::]:9000',
        '-w',
        'x.pcapng',
        '--no-names',
        'tcp',
      ],
    ])
    assert.deepEqual(
      [latency.protocol, latency.format, latency.top, latency.by],
      ['redis', 'json', 7, ['server', 'key']],
    )
    assert.deepEqual(latency.threshold, { kind: 'micros', micros: 1500 })
    assert.deepEqual([latency.everyMillis, latency.timeoutMillis], [10_000, 250])
    assert.deepEqual(latency.stats, { host: '127.0.0.1', port: 33333, required: true })
    assert.deepEqual(latency.metrics, { host: '::', port: 9000, required: true })
    assert.deepEqual([plan.save?.path, plan.names, plan.filter], ['x.pcapng', false, 'tcp'])
  })

  test('a port may stand apart from its flag, a filter is none', () => {
    assert.equal(planned(['latency', '--stats', '9000', 'port', '80']).latency.stats!.port, 9000)
    const { plan, latency } = planned(['latency', '--stats', 'port', '80'])
    assert.equal(latency.stats!.port, 33333)
    assert.equal(plan.filter, 'port 80')
  })

  test('-p is the protocol here, and promiscuous mode keeps its long flag', () => {
    const { plan } = planned(['latency', '-i', 'lo', '--no-promiscuous'])
    assert.ok(plan.input.kind === 'live' && !plan.input.promiscuous)
    assert.equal(parseArguments(['-p']).settings.promiscuous, false)
  })

  test('where the table goes', () => {
    assert.equal(planned(['latency', '--table']).latency.table, 'stdout')
    assert.equal(planned(['latency', '--table', '-q']).latency.table, 'stdout')
    assert.equal(planned(['latency', '-q']).latency.table, 'none')
  })

  test('characters and colours by the surroundings', () => {
    assert.equal(planned(['latency'], { ...PIPED, env: { LANG: 'C' } }).latency.unicode, false)
    const both = planned(['latency'], { ...PIPED, stderrIsTerminal: true }).latency
    assert.deepEqual([both.color, both.tableColor], [false, true])
  })

  test('two captures', () => {
    const { plan, latency } = planned(['latency', '--compare', 'a.pcap', 'b.pcap', 'port', '80'])
    assert.deepEqual(latency.compare, ['a.pcap', 'b.pcap'])
    assert.equal(plan.filter, 'port 80')
  })

  test('without effect', () => {
    assert.deepEqual(planned(['latency', '--top', '3', '-t', '5']).remarks, [
      '-t has no effect: --top prints the slowest',
    ])
  })
})

test('thresholds', () => {
  const cases: [string, object][] = [
    ['1', { kind: 'micros', micros: 1000 }],
    ['0.25', { kind: 'micros', micros: 250 }],
    ['.5', { kind: 'micros', micros: 500 }],
    ['500us', { kind: 'micros', micros: 500 }],
    ['2s', { kind: 'micros', micros: 2_000_000 }],
    ['p99', { kind: 'percentile', percent: 99 }],
    ['p99.9', { kind: 'percentile', percent: 99.9 }],
  ]
  for (const [text, threshold] of cases) assert.deepEqual(parseThreshold(text, '-t'), threshold)
  for (const text of ['', 'p', 'p100', '-1', '1m', '1,5'])
    assert.throws(() => parseThreshold(text, '-t'), UsageError, text)
})

test('ports', () => {
  const cases: [string, string, number][] = [
    ['9000', '127.0.0.1', 9000],
    ['0.0.0.0:1', '0.0.0.0', 1],
    ['[fd00::1]:80', 'fd00::1', 80],
    ['localhost:80', 'localhost', 80],
    [':80', '::', 80],
  ]
  for (const [text, host, port] of cases) assert.deepEqual(parseListen(text, '--stats'), { host, port })
  for (const text of ['', 'x', '65536', '1.2.3.4', 'fd00::1:80'])
    assert.throws(() => parseListen(text, '--stats'), UsageError, text)
})

describe('tcpkit', () => {
  test('its defaults', () => {
    const { plan, latency } = planned(['tcpkit', 'tcp', 'port', '6379'])
    assert.ok(plan.input.kind === 'live')
    assert.deepEqual(plan.input.interfaces, ['any'])
    assert.equal(plan.names, false)
    assert.deepEqual(
      [latency.protocol, latency.format, latency.table, latency.packets],
      ['raw', 'bare', 'none', 'lines'],
    )
    assert.deepEqual(latency.stats, { host: '127.0.0.1', port: 33333, required: false })
  })

  test('its flags', () => {
    const { plan, latency } = planned([
      'tcpkit',
      '-i',
      'eth0',
      '-B',
      '1024',
      '-s',
      '96',
      '-p',
      'redis',
      '-t',
      '10',
      '-P',
      '4444',
      '-w',
      'a.pcap',
      'tcp',
    ])
    assert.ok(plan.input.kind === 'live')
    assert.deepEqual(
      [plan.input.interfaces, plan.input.kernelBufferBytes, plan.input.snapshotBytes],
      [['eth0'], 1_048_576, 96],
    )
    assert.deepEqual(latency.stats, { host: '127.0.0.1', port: 4444, required: true })
    assert.equal(latency.packets, 'none')
    assert.equal(plan.save?.path, 'a.pcap')
    assert.equal(planned(['tcpkit', '-A']).latency.packets, 'ascii')
    assert.deepEqual(planned(['tcpkit', '-A', '-p', 'http']).remarks, [
      '-A has no effect: -p http prints requests, not packets',
    ])
  })
})

describe('help', () => {
  test('as people see it', () => {
    assertGolden('cli/help-latency.txt', formatHelp(false, 'latency'))
    assertGolden('cli/help-tcpkit.txt', formatHelp(false, 'tcpkit'))
  })

  test('fits 80 columns, and has every flag', () => {
    for (const [table, flags] of [
      ['latency', LATENCY_FLAGS],
      ['tcpkit', TCPKIT_FLAGS],
    ] as const) {
      const help = formatHelp(false, table)
      for (const line of help.split('\n')) assert.ok(line.length <= 80, line)
      for (const flag of flags) assert.ok(help.includes(flagForms(flag)), flagForms(flag))
      const forms = flags.flatMap((flag) => flagForms(flag).split(', '))
      assert.equal(new Set(forms).size, forms.length, 'no two flags share a name or a letter')
    }
  })

  test('is answered at once', () => {
    assert.equal(
      quickAnswer(['latency', '--help'], {}, () => false),
      formatHelp(false, 'latency'),
    )
    assert.equal(
      quickAnswer(['tcpkit', '-h'], {}, () => false),
      formatHelp(false, 'tcpkit'),
    )
    assert.match(quickAnswer(['tcpkit', '-v'], {}, () => false)!, /^tcpkit \(tcpflow \d.*\)$/m)
  })

  test('its examples are understood, and nothing in them is without effect', () => {
    for (const table of ['latency', 'tcpkit'] as const) {
      const help = formatHelp(false, table)
      const examples =
        help.slice(help.indexOf('Examples:')).match(/(?<=^ {2}(?! ).*)(?:tcpflow|tcpkit) .*?(?= \||$)/gm) ?? []
      assert.ok(examples.length >= 3)
      for (const example of examples) {
        const argv = (example.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ''))
        assert.deepEqual(planned(table === 'tcpkit' ? argv : argv.slice(1)).remarks, [], example)
      }
    }
  })
})
