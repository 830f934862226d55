// A finding of diagnosis/: what is wrong with the traffic or worth knowing about it. Output, JSON and scripts use it.

import type { Timestamp } from './timestamp.ts'

/** `error`: something failed. `warning`: it worked, slowly or by luck. `note`: worth knowing. */
export type FindingSeverity = 'error' | 'warning' | 'note'

/**
 * `certain`: the packets, or a fact asked of the engine or the system, prove it. `likely`: no other usual cause looks so.
 * `possible`: other causes look the same, and the text names them.
 */
export type FindingCertainty = 'certain' | 'likely' | 'possible'

/** `open`: may still grow. `final`: its count is final. `withdrawn`: later packets proved otherwise. */
export type FindingState = 'open' | 'final' | 'withdrawn'

/** A host of a finding. Text from elsewhere: bounded, not sanitised. */
export interface FindingHost {
  /** As Endpoint.address writes it. */
  readonly address: string
  /** undefined: of no port, or of many. */
  readonly port: number | undefined
  /** '' where nobody knows one. */
  readonly name: string
  readonly container: string | undefined
  readonly image: string | undefined
  readonly network: string | undefined
}

/** A packet, or a few of them, that prove it. */
export interface Evidence {
  readonly time: Timestamp
  /** One line, not sanitised. */
  readonly text: string
}

/** One cause, of one connection or of many alike. Lent during `onFinding`: it goes on changing. */
export interface Finding {
  /** The vocabulary of docs/diagnosis.md: `refused`. */
  readonly id: string
  readonly state: FindingState
  readonly severity: FindingSeverity
  readonly certainty: FindingCertainty
  readonly client: FindingHost | undefined
  readonly server: FindingHost | undefined
  /** For what is no connection: a DNS name, a TLS server name; else ''. */
  readonly name: string
  /** Connection.id of those that it touches: the first 20. */
  readonly connections: readonly number[]
  /** How many connections it touches. */
  readonly connectionCount: number
  /** How many cases there were: at least one a connection. */
  readonly count: number
  readonly firstTime: Timestamp
  readonly lastTime: Timestamp
  /** A sentence or two. */
  readonly cause: string
  /** What to do, as something to type where there is such a thing; '' where there is nothing to do. */
  readonly next: string
  readonly evidence: readonly Evidence[]
}

/** More serious first. */
export const SEVERITIES: readonly FindingSeverity[] = ['error', 'warning', 'note']

/** True when `severity` is as serious as `least`, or more. */
export function isAtLeast(severity: FindingSeverity, least: FindingSeverity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least)
}
