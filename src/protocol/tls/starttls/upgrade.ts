// How a protocol goes over to TLS in the middle of a connection (STARTTLS and the like). One file a protocol; each reads only
// as far as it must to say where TLS begins.

export interface UpgradeReader {
  /** The next bytes of a side. Returns from where on `buf[start..end)` is TLS; `end`: none of it is. */
  read(byServer: boolean, buf: Buffer, start: number, end: number): number
  readonly state: UpgradeState
  /** The words by which it was declined. */
  readonly refusal: string
}

/** `over`: there will be none. */
export type UpgradeState = 'waiting' | 'begun' | 'refused' | 'over'

export interface UpgradeProtocol {
  readonly name: string
  /** Are these the first bytes that a side says on a connection of this protocol? */
  matches(byServer: boolean, first: Buffer): 'yes' | 'no' | 'more'
  createReader(): UpgradeReader
}

/** For `matches`: the bytes begin so, or may yet. */
export function beginsWith(first: Buffer, word: string): 'yes' | 'no' | 'more' {
  const text = first.toString('latin1', 0, word.length).toUpperCase()
  if (text === word) return 'yes'
  return word.startsWith(text) ? 'more' : 'no'
}
