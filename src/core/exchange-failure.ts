// What it means when a request was answered and did not succeed: each protocol says it of its own answers.

import type { Exchange } from './exchange.ts'

export interface ExchangeFailure {
  /** The finding that it is a case of. */
  readonly id: 'http-error' | 'protocol-error' | 'auth-failed'
  /** What failures of one sort have in common: `503`, `WRONGTYPE`. */
  readonly code: string
  /** What the code says, as the end of a sentence: `it writes to a replica`; '' where that is not known. */
  readonly meaning: string
  /** A challenge that healthy clients answer with their credentials, and are let in. */
  readonly isChallenge?: boolean
  /** The server speaks for another one behind it. */
  readonly ofUpstream?: boolean
}

/** undefined: it succeeded, or failed in a way that is part of healthy use. */
export type FailureOf = (exchange: Exchange) => ExchangeFailure | undefined

/** By the registry's names of the protocols. */
export type ExchangeFailures = ReadonlyMap<string, FailureOf>
