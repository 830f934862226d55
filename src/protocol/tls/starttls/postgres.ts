// PostgreSQL: SSLRequest of eight bytes, answered by the byte S or N, or by an error (protocol documentation, "SSL Session
// Encryption"). After N the client may go on in plain text. Direct TLS needs none of it.

import type { UpgradeProtocol, UpgradeReader, UpgradeState } from './upgrade.ts'

const REQUEST = Buffer.from('0000000804d2162f', 'hex')
const ACCEPTED = 83
const DECLINED = 78
const ERROR = 69

class PostgresUpgrade implements UpgradeReader {
  state: UpgradeState = 'waiting'
  refusal = ''
  #requestBytes = 0

  read(byServer: boolean, buf: Buffer, start: number, end: number): number {
    if (!byServer) {
      this.#requestBytes += end - start
      if (this.#requestBytes > REQUEST.length) this.state = 'over'
      return end
    }
    const answer = buf[start]
    if (answer === ACCEPTED) {
      this.state = 'begun'
      return start + 1
    }
    this.state = answer === DECLINED || answer === ERROR ? 'refused' : 'over'
    this.refusal = answer === DECLINED ? 'N' : buf.toString('latin1', start, Math.min(end, start + 200))
    return end
  }
}

export const postgres: UpgradeProtocol = {
  name: 'postgres',
  matches(byServer, first) {
    if (byServer || !first.subarray(0, REQUEST.length).equals(REQUEST.subarray(0, first.length))) return 'no'
    return first.length < REQUEST.length ? 'more' : 'yes'
  },
  createReader: () => new PostgresUpgrade(),
}
