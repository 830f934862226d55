// What a decoder of one content coding is, and how it says what went wrong.

/** How the text of `failure` may end. */
export const DAMAGED = 'is damaged'
export const EARLY_END = 'ends early'

export type PieceWriter = (buf: Buffer, start: number, end: number) => void

/** One coding of one body. Never throws for the data. After a failure further input is ignored. */
export interface ContentDecoder {
  /** Why it could not go on, in a few words that follow the coding's name ("is damaged"); '' while all is well. */
  readonly failure: string
  push(buf: Buffer, start: number, end: number): void
  /**
   * No more input: what can still be made of it is written. With `whole` false the input is known to be cut short, and
   * ending early is no failure.
   */
  end(whole: boolean): void
  /** Frees what it holds, at any time. */
  release(): void
  /** Stops decoding. May be called from within its writer. */
  stop(): void
}
