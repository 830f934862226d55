// LDAP: an extended request with StartTLS's object identifier, and an extended response whose result is success (RFC 4511 §4.12,
// §4.14).

import type { UpgradeProtocol, UpgradeReader, UpgradeState } from './upgrade.ts'

const OBJECT_IDENTIFIER = '1.3.6.1.4.1.1466.20037'
const LONGEST_MESSAGE = 1024
const SEQUENCE = 0x30
const INTEGER = 2
const EXTENDED_REQUEST = 0x77
const EXTENDED_RESPONSE = 0x78
const ENUMERATED = 10

class LdapUpgrade implements UpgradeReader {
  state: UpgradeState = 'waiting'
  refusal = ''
  #held: [string, string] = ['', '']
  #asked = false

  read(byServer: boolean, buf: Buffer, start: number, end: number): number {
    const side = byServer ? 1 : 0
    const before = this.#held[side].length
    const text = this.#held[side] + buf.toString('latin1', start, Math.min(end, start + LONGEST_MESSAGE))
    const bytes = Buffer.from(text, 'latin1')
    const length = messageLength(bytes)
    if (length < 0 || length > LONGEST_MESSAGE) {
      this.state = 'over'
      return end
    }
    if (length === 0 || bytes.length < length) {
      this.#held[side] = text
      return end
    }
    this.#held[side] = ''
    const stop = start + length - before
    this.#message(byServer, bytes.subarray(0, length))
    if (this.state === 'begun') return stop
    return this.state === 'waiting' && stop < end ? this.read(byServer, buf, stop, end) : end
  }

  #message(byServer: boolean, message: Buffer): void {
    const at = operationAt(message)
    if (!byServer) {
      if (!this.#asked) {
        this.#asked = message[at] === EXTENDED_REQUEST && message.includes(OBJECT_IDENTIFIER)
        if (!this.#asked) this.state = 'over'
      }
      return
    }
    if (!this.#asked || message[at] !== EXTENDED_RESPONSE) return
    const result = at + 1 + lengthBytes(message[at + 1]!)
    const code = message[result] === ENUMERATED ? message[result + 2] : undefined
    this.state = code === 0 ? 'begun' : 'refused'
    this.refusal = code === 0 ? '' : `result ${code ?? 'unknown'}`
  }
}

/** 0: its length is not there yet; -1: it is none. */
function messageLength(bytes: Buffer): number {
  if (bytes[0] !== SEQUENCE) return -1
  if (bytes.length < 2) return 0
  const first = bytes[1]!
  if (first < 0x80) return 2 + first
  const count = first & 0x7f
  if (count === 0 || count > 4) return -1
  if (bytes.length < 2 + count) return 0
  return 2 + count + bytes.readUIntBE(2, count)
}

/** Where the operation begins, behind the message's id. */
function operationAt(message: Buffer): number {
  const at = 1 + lengthBytes(message[1]!)
  return message[at] === INTEGER ? at + 2 + message[at + 1]! : at
}

function lengthBytes(first: number): number {
  return first < 0x80 ? 1 : 1 + (first & 0x7f)
}

export const ldap: UpgradeProtocol = {
  name: 'ldap',
  matches(byServer, first) {
    if (byServer || first[0] !== SEQUENCE) return 'no'
    const length = messageLength(first)
    if (length === 0) return 'more'
    const at = operationAt(first)
    if (first.length <= at) return length < 0 ? 'no' : 'more'
    return first[at] === EXTENDED_REQUEST ? 'yes' : 'no'
  },
  createReader: () => new LdapUpgrade(),
}
