// One end of a connection or datagram: an address and a port, and how both are written (RFC 5952 for IPv6).

/** 4 or 6. */
export type AddressFamily = 4 | 6

/**
 * An address is four signed 32-bit words, most significant first; IPv4 uses only the last (the others are 0).
 * Immutable once built; `address` and `toString()` are computed on first use.
 */
export class Endpoint {
  readonly family: AddressFamily
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number
  readonly port: number
  #address: string

  constructor(family: AddressFamily, word0: number, word1: number, word2: number, word3: number, port: number) {
    this.family = family
    this.word0 = word0
    this.word1 = word1
    this.word2 = word2
    this.word3 = word3
    this.port = port
    this.#address = ''
  }

  /** `192.0.2.1` or `2001:db8::1`. */
  get address(): string {
    if (this.#address === '') {
      this.#address = formatAddress(this.family, this.word0, this.word1, this.word2, this.word3)
    }
    return this.#address
  }

  /** `192.0.2.1:80` or `[2001:db8::1]:80`. */
  toString(): string {
    return this.family === 4 ? `${this.address}:${this.port}` : `[${this.address}]:${this.port}`
  }
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback({ family, word0, word1, word2, word3 }: Endpoint): boolean {
  return family === 4 ? word3 >>> 24 === 127 : word3 === 1 && word0 === 0 && word1 === 0 && word2 === 0
}

/** The same address and port. */
export function isSameEnd(a: Endpoint, b: Endpoint): boolean {
  return (
    a.port === b.port &&
    a.family === b.family &&
    a.word3 === b.word3 &&
    a.word2 === b.word2 &&
    a.word1 === b.word1 &&
    a.word0 === b.word0
  )
}

/** An address of the Internet: none that is private, shared, link-local, loopback or of a group (RFC 6890, RFC 4193). */
export function isPublic({ family, word0, word3 }: Endpoint): boolean {
  // global unicast is 2000::/3
  if (family === 6) return word0 >>> 29 === 1
  const [a, b] = [word3 >>> 24, (word3 >>> 16) & 255]
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 172) return b < 16 || b > 31
  if (a === 100) return b < 64 || b > 127
  return !(a === 192 && b === 168) && !(a === 169 && b === 254)
}

export function isSameAddress(a: Endpoint, b: Endpoint): boolean {
  return (
    a.word3 === b.word3 && a.family === b.family && a.word0 === b.word0 && a.word1 === b.word1 && a.word2 === b.word2
  )
}

/** Four words as text: dotted quad, or RFC 5952's shortest form in lower case. */
export function formatAddress(
  family: AddressFamily,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): string {
  if (family === 4) return `${word3 >>> 24}.${(word3 >>> 16) & 255}.${(word3 >>> 8) & 255}.${word3 & 255}`
  const groups = [
    word0 >>> 16,
    word0 & 0xffff,
    word1 >>> 16,
    word1 & 0xffff,
    word2 >>> 16,
    word2 & 0xffff,
    word3 >>> 16,
    word3 & 0xffff,
  ]
  let bestStart = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) {
      bestStart = i
      bestLength = length
    }
  }
  const hex = groups.map((g) => g.toString(16))
  if (bestStart < 0) return hex.join(':')
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`
}
