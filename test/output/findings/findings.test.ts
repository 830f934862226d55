// Findings as text, as a report and as JSON.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Finding } from '../../../src/core/finding.ts'
import { Timestamp } from '../../../src/core/timestamp.ts'
import { findingJson } from '../../../src/output/findings/finding-json.ts'
import { FindingText } from '../../../src/output/findings/finding-text.ts'
import { findingsReport, type ReportFacts } from '../../../src/output/findings/findings-report.ts'
import { assertHarmless } from '../../support/harmless.ts'

/** 2026-11-30 07:31:02 UTC */
const START = 1_796_023_862
const HOST = { port: undefined, container: undefined, image: undefined, network: undefined }

function findingOf(more: Partial<Finding> = {}): Finding {
  return {
    id: 'refused',
    state: 'open',
    severity: 'error',
    certainty: 'likely',
    client: { ...HOST, address: '172.18.0.4', port: 41_000, name: 'shop-web-1', container: 'c0ffee' },
    server: { ...HOST, address: '172.18.0.3', port: 5433, name: 'db' },
    name: '',
    connections: [1, 4],
    connectionCount: 14,
    count: 14,
    firstTime: new Timestamp(START, 120_311_000),
    lastTime: new Timestamp(START + 158),
    cause: 'db answered the SYN with a reset: nothing listens on port 5433 there.',
    next: 'use port 5432',
    evidence: [
      { time: new Timestamp(START, 120_311_000), text: 'SYN to 172.18.0.3:5433' },
      { time: new Timestamp(START, 120_351_999), text: 'RST after 40 µs' },
    ],
    ...more,
  }
}

const FACTS: ReportFacts = { connections: 412, names: 3, tlsHandshakes: 2, notJudged: [], only: '', savedAs: () => '' }
const plain = new FindingText(false)

function report(findings: readonly Finding[], facts: Partial<ReportFacts> = {}, width = 100): string {
  return findingsReport(findings, { ...FACTS, ...facts }, plain, width)
}

before(() => {
  process.env.TZ = 'UTC'
})

describe('the report', () => {
  test('who, how often, since when; cause, next step, evidence', () => {
    assert.equal(
      report([findingOf()]),
      `1 error

1. refused   shop-web-1 -> db:5433   14 connections, 07:31:02 - 07:33:40, likely
   db answered the SYN with a reset: nothing listens on port 5433 there.
   next: use port 5432
   seen: 07:31:02.120311 SYN to 172.18.0.3:5433
         07:31:02.120351 RST after 40 µs

looked at 412 connections, 3 names, 2 TLS handshakes
`,
    )
  })

  test('a heading for each severity, and numbers that go on', () => {
    const text = report([
      findingOf(),
      findingOf({ id: 'unanswered', connectionCount: 1, count: 1 }),
      findingOf({ severity: 'note', id: 'mid-stream', certainty: 'certain' }),
    ])
    assert.match(text, /^2 errors\n\n1\. refused [\s\S]*\n\n2\. unanswered [\s\S]*\n\n1 note\n\n3\. mid-stream /)
  })

  test('hosts without a name, of any port, of IPv6', () => {
    const client = { ...HOST, address: 'fd00::2', port: 40_000, name: '' }
    const server = { ...HOST, address: 'fd00::3', port: 80, name: '' }
    assert.match(report([findingOf({ client, server })]), /refused {3}fd00::2 -> \[fd00::3\]:80 {3}14/)
    assert.match(report([findingOf({ client, server: { ...server, port: undefined } })]), /fd00::2 -> fd00::3 {3}/)
    assert.match(report([findingOf({ client: undefined, server })]), /refused {3}\[fd00::3\]:80 {3}14/)
  })

  test('a name that is no host, of no connection', () => {
    const text = report([
      findingOf({ id: 'dns-failed', server: undefined, name: 'db.example', connectionCount: 0, count: 3 }),
    ])
    assert.match(text, /1\. dns-failed {3}shop-web-1 {3}db\.example {3}3 times, 07:31:02 - 07:33:40/)
  })

  test('more cases than connections; one moment', () => {
    const lastTime = new Timestamp(START, 999_000_000)
    assert.match(
      report([findingOf({ connectionCount: 2, count: 9, lastTime, certainty: 'certain' })]),
      /2 connections, 9 times, 07:31:02\n/,
    )
  })

  test('days are told where there are several', () => {
    const lastTime = new Timestamp(START + 86_400)
    const text = report([findingOf({ lastTime })])
    assert.match(text, /2026-11-30 07:31:02 - 2026-12-01 07:31:02,\s+likely/)
    assert.match(text, /seen: 2026-11-30 07:31:02\.120311 SYN/)
  })

  test('no line is wider than asked for, whatever stands in it', () => {
    const finding = findingOf({
      client: { ...HOST, address: '10.0.0.1', port: 1, name: 'x'.repeat(64) },
      server: { ...HOST, address: '10.0.0.2', port: 80, name: '界'.repeat(64) },
      cause: `${'word '.repeat(60)}${'y'.repeat(300)}`,
      next: 'n'.repeat(250),
      evidence: [{ time: new Timestamp(START), text: `GET /${'漢字'.repeat(90)}` }],
    })
    for (const width of [40, 80, 100]) {
      for (const line of report([finding], { notJudged: ['z '.repeat(90)] }, width).split('\n')) {
        const columns = [...line].reduce((sum, c) => sum + (c > '\u2e80' ? 2 : 1), 0)
        assert.ok(columns <= width, `${columns} > ${width}: ${line}`)
      }
    }
  })

  test('nothing wrong', () => {
    assert.equal(report([]), '412 connections, 3 names, 2 TLS handshakes: nothing wrong\n')
    assert.equal(report([], { connections: 1, names: 0, tlsHandshakes: 0 }), '1 connection: nothing wrong\n')
    assert.match(report([findingOf({ severity: 'note' })]), /\n412 connections, 3 names, .*: nothing wrong\n$/)
    assert.match(report([], { only: 'reset' }), /: nothing found \(looked only for reset\)\n$/)
  })

  test('what could not be judged', () => {
    assert.match(
      report([], { notJudged: ['a thing', 'another'] }),
      /wrong\ncould not be judged: a thing\ncould.*another\n$/,
    )
  })

  test('colour by severity, and the same words without it', () => {
    const colored = findingsReport([findingOf(), findingOf({ severity: 'warning' })], FACTS, new FindingText(true), 100)
    assert.match(colored, /\x1b\[1;38;5;160m1\. refused\x1b\[0m {3}shop/)
    assert.match(colored, /\x1b\[1;38;5;166m2\. refused\x1b\[0m/)
    assert.equal(colored.replace(/\x1b\[[\d;]*m/g, ''), report([findingOf(), findingOf({ severity: 'warning' })]))
  })
})

test('a line at once, and one when it is withdrawn', () => {
  assert.equal(
    plain.line(findingOf()),
    '2026-11-30 07:31:02 error: refused (likely), shop-web-1 -> db:5433: db answered the SYN with a reset: nothing listens on port 5433 there.\n',
  )
  assert.equal(
    plain.line(findingOf({ state: 'withdrawn' })),
    '2026-11-30 07:31:02 withdrawn: refused, shop-web-1 -> db:5433\n',
  )
})

test('JSON: exactly these fields', () => {
  const line = findingJson(findingOf({ state: 'final' }))
  assert.ok(line.endsWith('}\n'))
  assert.deepEqual(JSON.parse(line), {
    event: 'finding',
    id: 'refused',
    state: 'final',
    severity: 'error',
    certainty: 'likely',
    client: { address: '172.18.0.4', port: 41_000, name: 'shop-web-1', container: 'c0ffee' },
    server: { address: '172.18.0.3', port: 5433, name: 'db' },
    name: '',
    connections: [1, 4],
    count: 14,
    firstTime: '2026-11-30T07:31:02.120311Z',
    lastTime: '2026-11-30T07:33:40.000000Z',
    cause: 'db answered the SYN with a reset: nothing listens on port 5433 there.',
    next: 'use port 5432',
    evidence: [
      { time: '2026-11-30T07:31:02.120311Z', text: 'SYN to 172.18.0.3:5433' },
      { time: '2026-11-30T07:31:02.120351Z', text: 'RST after 40 µs' },
    ],
  })
  const nobody = JSON.parse(findingJson(findingOf({ client: undefined, server: undefined, name: 'a.example' })))
  assert.deepEqual([nobody.client, nobody.server, nobody.name], [null, null, 'a.example'])
})

test('nothing of a finding acts on a terminal', () => {
  const evil = '\x1b]0;x\x07\u202e\r\n\t\u0085'
  const host = { address: '10.0.0.1', port: 1, name: evil, container: evil, image: evil, network: evil }
  const finding = findingOf({
    client: host,
    server: host,
    name: evil,
    cause: evil,
    next: evil,
    evidence: [{ time: new Timestamp(START), text: evil }],
  })
  for (const text of [plain.line(finding), report([finding], { notJudged: [] }), findingJson(finding)]) {
    assertHarmless(Buffer.from(text), text)
    assert.equal(text.split('\n').length, text === report([finding]) ? 10 : 2)
  }
  assert.equal(JSON.parse(findingJson(finding)).cause, evil)
})
