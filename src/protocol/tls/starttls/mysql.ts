// MySQL: the server greets; the client answers with a login cut short at 32 bytes that has the flag CLIENT_SSL, and TLS begins
// at once (client/server protocol, "SSLRequest"). MariaDB does the same.

import type { UpgradeProtocol, UpgradeReader, UpgradeState } from './upgrade.ts'

const HEADER_BYTES = 4
const SSL_REQUEST_BYTES = 32
const CLIENT_SSL_HIGH_BYTE = 0x08
const PROTOCOL_VERSION = 10

class MysqlUpgrade implements UpgradeReader {
  state: UpgradeState = 'waiting'
  refusal = ''
  readonly #request = Buffer.alloc(HEADER_BYTES + 2)
  #requestBytes = 0

  read(byServer: boolean, buf: Buffer, start: number, end: number): number {
    if (byServer) return end
    const total = HEADER_BYTES + SSL_REQUEST_BYTES
    const stop = Math.min(end, start + total - this.#requestBytes)
    for (let i = start; i < stop; i++) {
      if (this.#requestBytes < this.#request.length) this.#request[this.#requestBytes] = buf[i]!
      this.#requestBytes++
    }
    const request = this.#request
    if (this.#requestBytes >= request.length && !isSslRequest(request)) this.state = 'over'
    else if (this.#requestBytes === total) this.state = 'begun'
    return this.state === 'begun' ? stop : end
  }
}

function isSslRequest(request: Buffer): boolean {
  const length = request[0]! | (request[1]! << 8) | (request[2]! << 16)
  return length === SSL_REQUEST_BYTES && request[3] === 1 && (request[5]! & CLIENT_SSL_HIGH_BYTE) !== 0
}

export const mysql: UpgradeProtocol = {
  name: 'mysql',
  matches(byServer, first) {
    if (!byServer) return 'no'
    if (first.length > 2 && first[2] !== 0) return 'no'
    if (first.length > 3 && first[3] !== 0) return 'no'
    if (first.length > 4) return first[4] === PROTOCOL_VERSION ? 'yes' : 'no'
    return 'more'
  },
  createReader: () => new MysqlUpgrade(),
}
