// The output of `tcpflow diagnose`: tells findings as they come where the input is live, and prints the ranked report on
// request and at the end.

import type { ClockConsumer, FindingConsumer, Sink } from '../core/consumers.ts'
import type { Finding } from '../core/finding.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { Diagnosis } from '../diagnosis/diagnosis.ts'
import { RULES } from '../diagnosis/registry.ts'
import { findingJson } from '../output/findings/finding-json.ts'
import { FindingText } from '../output/findings/finding-text.ts'
import { findingsReport } from '../output/findings/findings-report.ts'
import type { FlightRecorder } from '../output/recorder/flight-recorder.ts'
import type { OutputStream } from '../output/writing/output-stream.ts'
import type { DiagnosePlan } from '../plan.ts'
import { EXCHANGE_FAILURES } from '../protocol/registry.ts'
import { readsOnlyFiles } from './input-kind.ts'
import { notJudged } from './not-judged.ts'
import { ReportClock } from './report-clock.ts'
import type { ViewContext } from './view.ts'

const EXIT_ERROR_FOUND = 3
const REPORT_WIDTH = 100
const MICROS_PER_MILLI = 1000

export class DiagnoseSink implements FindingConsumer, ClockConsumer, Sink {
  readonly diagnosis: Diagnosis
  readonly #context: ViewContext
  readonly #plan: DiagnosePlan
  readonly #stream: OutputStream
  readonly #text: FindingText
  /** Findings are told at once: there is no telling when a live capture ends. */
  readonly #live: boolean
  readonly #reports: ReportClock
  /** Something stands before the next report. */
  #printed = false
  readonly #recorder: FlightRecorder | undefined

  constructor(context: ViewContext, plan: DiagnosePlan, stream: OutputStream, recorder?: FlightRecorder) {
    this.#recorder = recorder
    this.#context = context
    this.#plan = plan
    this.#stream = stream
    this.#reports = new ReportClock(plan.everyMillis)
    this.#text = new FindingText(plan.color)
    this.#live = !readsOnlyFiles(context.plan)
    this.diagnosis = new Diagnosis(this, {
      rules: RULES,
      names: context.names,
      failures: EXCHANGE_FAILURES,
      hosts: context.hostFacts,
      slowMicros: plan.slowMillis * MICROS_PER_MILLI,
      hungAfterMicros: plan.hungAfterMillis * MICROS_PER_MILLI,
      ids: plan.ids === undefined ? undefined : new Set(plan.ids),
      notIds: new Set(plan.notIds),
      minimumSeverity: plan.minimumSeverity,
    })
  }

  get blocked(): boolean {
    return this.#stream.blocked
  }

  drain(): Promise<void> {
    return this.#stream.drain()
  }

  flush(): void {
    this.#stream.flush()
  }

  /** Of `--exit-code`; undefined: as if it had not been given. */
  get exitCode(): number | undefined {
    const failed = this.#plan.exitCode && this.diagnosis.findings().some(({ severity }) => severity === 'error')
    return failed ? EXIT_ERROR_FOUND : undefined
  }

  onFinding(finding: Finding): void {
    this.#recorder?.onFinding(finding)
    if (this.#plan.format === 'json') this.#stream.writeText(findingJson(finding, this.#savedAs(finding)))
    // what is final is in the report
    else if (this.#live && finding.state !== 'final') this.#print(this.#text.line(finding))
  }

  onCase(finding: Finding, connection: number | undefined): void {
    this.#recorder?.onCase(finding, connection)
  }

  onClock(t: Timestamp): void {
    if (this.#reports.isDue(t)) this.report()
  }

  /** Prints the findings as they stand. */
  report(): void {
    if (this.#plan.format === 'json') {
      for (const finding of this.diagnosis.findings())
        this.#stream.writeText(findingJson(finding, this.#savedAs(finding)))
    } else {
      // a report after others says when it was made
      const { latest } = this.#reports
      const time = latest.seconds === 0 ? '' : `${this.#text.secondsOf(latest)}, since the start:\n`
      this.#printReport(time)
    }
    this.#stream.flush()
  }

  async finish(): Promise<void> {
    const { messages, counts } = this.#context
    const couldNotBegin = messages.errors > 0 && counts().packets === 0
    if (this.#plan.format === 'lines' && !couldNotBegin) this.#printReport('')
    await this.#stream.finish()
  }

  #printReport(head: string): void {
    this.#print(`${this.#printed ? '\n' : ''}${head}${this.#reportText()}`)
  }

  #print(text: string): void {
    this.#printed = true
    this.#stream.writeText(text)
  }

  #savedAs(finding: Finding): string {
    return this.#recorder?.savedAs(finding) ?? ''
  }

  #reportText(): string {
    const { io, plan } = this.#context
    const findings = this.diagnosis.findings()
    const { connections, names, handshakes } = this.diagnosis.capture
    const facts = {
      connections,
      names: names.size,
      tlsHandshakes: handshakes,
      notJudged: [
        ...this.#context.notCaptured(),
        ...notJudged(this.diagnosis, plan, new Set(findings.map(({ id }) => id))),
      ],
      only: askedFor(this.#plan),
      savedAs: (finding: Finding) => this.#savedAs(finding),
    }
    const width = io.stdoutIsTerminal ? Math.min(REPORT_WIDTH, io.columns()) : REPORT_WIDTH
    return findingsReport(findings, facts, this.#text, width)
  }
}

/** '' for everything that matters: errors and warnings of all kinds. */
function askedFor({ ids, notIds, minimumSeverity }: DiagnosePlan): string {
  const parts: string[] = []
  if (minimumSeverity === 'error') parts.push('errors')
  if (ids !== undefined) parts.push(ids.join(', '))
  if (notIds.length > 0) parts.push(`all but ${notIds.join(', ')}`)
  return parts.join('; ')
}
