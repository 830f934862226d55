// Addresses as text, back into words.

import { isIPv4, isIPv6 } from 'node:net'
import { Endpoint } from './endpoint.ts'

/** `192.0.2.1` or `2001:db8::1` with a port; undefined if that is no address. */
export function parseEndpoint(address: string, port: number): Endpoint | undefined {
  if (isIPv4(address)) {
    const [a, b, c, d] = address.split('.').map(Number)
    return new Endpoint(4, 0, 0, 0, (a! << 24) | (b! << 16) | (c! << 8) | d!, port)
  }
  if (!isIPv6(address) || address.includes('%')) return undefined
  const [word0, word1, word2, word3] = wordsOf(address)
  return new Endpoint(6, word0!, word1!, word2!, word3!, port)
}

/** Of an IPv6 address. */
function wordsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text =
    dotted === null
      ? address
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:` +
        `${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
  const [before = '', after] = text.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail].map((g) =>
    Number.parseInt(g, 16),
  )
  return [0, 2, 4, 6].map((i) => (groups[i]! << 16) | groups[i + 1]!)
}
