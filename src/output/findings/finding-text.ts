// Findings as people read them: a line at once, and the entries of the report:
//
//   1. refused   shop-web-1 -> db:5433   14 connections, 07:31:02 - 07:33:40, likely
//      db answered the SYN with a reset: nothing listens on port 5433 there, or a firewall resets.
//      next: see which ports db listens on (ss -ltn in its network namespace)
//      seen: 07:31:02.120311 SYN to 172.18.0.3:5433
//            07:31:02.120351 RST after 40 µs

import type { Finding, FindingHost, FindingSeverity } from '../../core/finding.ts'
import { counted } from '../../core/plain-numbers.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { shownText } from '../names/host-names.ts'
import { sanitizeLine } from '../terminal/sanitize-text.ts'
import { TimePrefix } from '../writing/console-time.ts'
import { wrapText } from './wrap-text.ts'

/** 256-colour palette, as in terminal/color.ts: readable on dark and on light backgrounds. */
const COLORS: Readonly<Record<FindingSeverity, string>> = {
  error: '\x1b[1;38;5;160m',
  warning: '\x1b[1;38;5;166m',
  note: '\x1b[1;38;5;32m',
}
const RESET = '\x1b[0m'
const INDENT = '   '
const LABEL_INDENT = '         '
/** `2026-01-31 ` */
const DATE_LENGTH = 11
/** `2026-01-31 12:34:56` */
const SECONDS_LENGTH = 19

export class FindingText {
  readonly #color: boolean
  readonly #time = new TimePrefix()

  constructor(color: boolean) {
    this.#color = color
  }

  /** When it is found, or withdrawn. One line, with its newline. */
  line(finding: Finding): string {
    const { id, severity, certainty, state, cause } = finding
    const time = this.#time.format(finding.firstTime).slice(0, SECONDS_LENGTH)
    const who = endsOf(finding)
    const about = who === '' ? '' : `, ${who}`
    if (state === 'withdrawn') return `${time} withdrawn: ${id}${about}\n`
    const sure = certainty === 'certain' ? '' : ` (${certainty})`
    return `${time} ${this.colored(`${severity}: ${id}`, severity)}${sure}${about}: ${sanitizeLine(cause)}\n`
  }

  /** An entry of the report: lines of at most `width` characters. `day`: the date that goes without saying, as in `dateOf`. */
  entry(finding: Finding, number: number, width: number, day: string, savedAs = ''): string[] {
    const label = `${number}. ${finding.id}`
    const [first = '', ...others] = wrapText(this.#heading(finding, label, day), width, INDENT)
    const lines = [first.replace(label, () => this.colored(label, finding.severity)), ...others]
    lines.push(...block(sanitizeLine(finding.cause), INDENT, INDENT, width))
    if (finding.next !== '') lines.push(...block(`next: ${sanitizeLine(finding.next)}`, INDENT, LABEL_INDENT, width))
    finding.evidence.forEach(({ time, text }, i) => {
      const seen = `${this.#clock(time, day)} ${sanitizeLine(text)}`
      const indent = i === 0 ? `${INDENT}seen: ` : LABEL_INDENT
      lines.push(...block(seen, indent, `${LABEL_INDENT}  `, width))
    })
    if (savedAs !== '') lines.push(...block(`saved as ${sanitizeLine(savedAs)}`, INDENT, LABEL_INDENT, width))
    return lines
  }

  colored(text: string, severity: FindingSeverity): string {
    return this.#color ? `${COLORS[severity]}${text}${RESET}` : text
  }

  /** `2026-01-31 `, local time. */
  dateOf(t: Timestamp): string {
    return this.#time.format(t).slice(0, DATE_LENGTH)
  }

  /** `2026-01-31 12:34:56` */
  secondsOf(t: Timestamp): string {
    return this.#time.format(t).slice(0, SECONDS_LENGTH)
  }

  #heading(finding: Finding, label: string, day: string): string {
    const { firstTime, lastTime, certainty } = finding
    const from = this.#second(firstTime, day)
    const to = this.#second(lastTime, this.dateOf(firstTime))
    const when = from.endsWith(to) ? from : `${from} - ${to}`
    const sure = certainty === 'certain' ? '' : `, ${certainty}`
    return [label, endsOf(finding), `${howOften(finding)}${when}${sure}`].filter((part) => part !== '').join('   ')
  }

  #second(t: Timestamp, day: string): string {
    return withoutDay(this.#time.format(t).slice(0, SECONDS_LENGTH), day)
  }

  #clock(t: Timestamp, day: string): string {
    return withoutDay(this.#time.format(t), day)
  }
}

function withoutDay(text: string, day: string): string {
  return day !== '' && text.startsWith(day) ? text.slice(day.length) : text
}

/** `web -> db:5433`; a name that is no host stands behind. */
function endsOf({ client, server, name }: Finding): string {
  const ends = [client === undefined ? '' : hostText(client, false), server === undefined ? '' : hostText(server, true)]
  const between = ends[0] === '' ? ends[1]! : ends[1] === '' ? ends[0]! : `${ends[0]} -> ${ends[1]}`
  return [between, shownText(name)].filter((part) => part !== '').join('   ')
}

function hostText({ name, address, port }: FindingHost, withPort: boolean): string {
  const host = shownText(name) || address
  if (!withPort || port === undefined) return host
  return name === '' && address.includes(':') ? `[${address}]:${port}` : `${host}:${port}`
}

function howOften({ connectionCount, count }: Finding): string {
  if (connectionCount === 0) return count > 1 ? `${counted(count, 'time')}, ` : ''
  const connections = counted(connectionCount, 'connection')
  return count > connectionCount ? `${connections}, ${counted(count, 'time')}, ` : `${connections}, `
}

function block(text: string, firstIndent: string, indent: string, width: number): string[] {
  return wrapText(`${firstIndent}${text}`, width, indent)
}
