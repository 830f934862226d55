// How keys are agreed in TLS 1.2 and before, and the group of a ServerKeyExchange (RFC 8422 §5.4, RFC 7919).

/** Suites without forward secrecy, whose keys travel under the server's RSA key (RFC 5246, 5288, 5932, 6655, 7905). */
const RSA_SUITES = new Set([
  0x01, 0x02, 0x04, 0x05, 0x07, 0x0a, 0x2f, 0x35, 0x3b, 0x3c, 0x3d, 0x41, 0x84, 0x96, 0x9c, 0x9d, 0xba, 0xc0, 0xc09c,
  0xc09d, 0xc0a0, 0xc0a1, 0xc050, 0xc051,
])

const NAMED_CURVE = 3
/** Curves and other groups of the IANA registry stand below it (x448 is 30); post-quantum ones far above. */
const SHORTEST_PRIME_BYTES = 64

/** From the suite alone; 'ephemeral' becomes clear with the ServerKeyExchange. */
export function keyExchangeOfSuite(suite: number): string {
  return RSA_SUITES.has(suite) ? 'rsa' : ''
}

/** Of the body `buf[start..end)` of a ServerKeyExchange. */
export function readServerKeyExchange(buf: Buffer, start: number, end: number): { keyExchange: string; group: number } {
  if (end - start >= 3 && buf[start] === NAMED_CURVE) {
    return { keyExchange: 'ecdhe', group: (buf[start + 1]! << 8) | buf[start + 2]! }
  }
  const primeBytes = end - start >= 2 ? (buf[start]! << 8) | buf[start + 1]! : 0
  const isPrime = primeBytes >= SHORTEST_PRIME_BYTES && primeBytes + 2 < end - start
  return { keyExchange: isPrime ? 'dhe' : '', group: 0 }
}
