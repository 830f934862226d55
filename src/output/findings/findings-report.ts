// The ranked report of `tcpflow diagnose`: findings by severity, then what was looked at and what could not be judged.

import type { Finding, FindingSeverity } from '../../core/finding.ts'
import { counted } from '../../core/plain-numbers.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import type { FindingText } from './finding-text.ts'
import { wrapText } from './wrap-text.ts'

const HEADINGS: Readonly<Record<FindingSeverity, readonly [one: string, many: string]>> = {
  error: ['error', 'errors'],
  warning: ['warning', 'warnings'],
  note: ['note', 'notes'],
}

export interface ReportFacts {
  readonly connections: number
  /** Asked for by DNS. */
  readonly names: number
  readonly tlsHandshakes: number
  /** What nothing could be said about, and why: one sentence each, without a full stop. */
  readonly notJudged: readonly string[]
  /** Not all findings were asked for: what "nothing wrong" is about. '' for all. */
  readonly only: string
  /** The file that has a finding's packets; '' where there is none. */
  readonly savedAs: (finding: Finding) => string
}

/** `findings` ranked. Lines of at most `width` characters, with their newlines. */
export function findingsReport(
  findings: readonly Finding[],
  facts: ReportFacts,
  text: FindingText,
  width: number,
): string {
  const lines: string[] = []
  const day = findings.length === 0 ? '' : text.dateOf(findings[0]!.firstTime)
  const sameDay = findings.every(
    ({ firstTime, lastTime }) => text.dateOf(firstTime) === day && text.dateOf(lastTime) === day,
  )
  let severity: FindingSeverity | undefined
  findings.forEach((finding, i) => {
    if (finding.severity !== severity) {
      severity = finding.severity
      const [one, many] = HEADINGS[severity]
      const heading = counted(findings.filter((each) => each.severity === severity).length, one, many)
      lines.push(text.colored(heading, severity), '')
    }
    lines.push(...text.entry(finding, i + 1, width, sameDay ? day : '', facts.savedAs(finding)), '')
  })
  lines.push(...wrapText(verdict(findings, facts), width, '  '))
  for (const sentence of facts.notJudged)
    lines.push(...wrapText(`could not be judged: ${sanitizeLine(sentence)}`, width, '  '))
  return `${lines.join('\n')}\n`
}

/** `412 connections, 3 names, 2 TLS handshakes: nothing wrong`. */
function verdict(findings: readonly Finding[], { connections, names, tlsHandshakes, only }: ReportFacts): string {
  const seen = [
    counted(connections, 'connection'),
    ...(names > 0 ? [counted(names, 'name')] : []),
    ...(tlsHandshakes > 0 ? [counted(tlsHandshakes, 'TLS handshake')] : []),
  ].join(', ')
  if (findings.some((finding) => finding.severity !== 'note')) return `looked at ${seen}`
  return only === '' ? `${seen}: nothing wrong` : `${seen}: nothing found (looked only for ${only})`
}
