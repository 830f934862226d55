// Notices that an interface is gone. libpcap does not tell. When this process was put into another namespace, only some of the
// kernel's tables are those of that namespace: /proc/sys and /proc/self/net are, /sys may not be.

import { existsSync, readFileSync } from 'node:fs'

/** Watches the interface that has this name now. Another interface that takes the name later does not count. */
export class InterfaceWatch {
  readonly #presencePath: string
  readonly #indexPath: string
  readonly #wasPresent: boolean
  readonly #index: string

  constructor(name: string) {
    this.#presencePath = `/proc/sys/net/ipv4/conf/${name}`
    this.#indexPath = `/proc/self/net/dev_snmp6/${name}`
    // `any` and libpcap's other pseudo-interfaces are in no table and never go away.
    this.#wasPresent = existsSync(this.#presencePath)
    this.#index = this.#readIndex()
  }

  gone(): boolean {
    if (!this.#wasPresent) return false
    if (!existsSync(this.#presencePath)) return true
    // Without IPv6 on the interface there is no index to compare.
    const index = this.#readIndex()
    return index !== '' && this.#index !== '' && index !== this.#index
  }

  /** The line `ifIndex 4`, or '' where there is none. */
  #readIndex(): string {
    try {
      return readFileSync(this.#indexPath, 'latin1').split('\n', 1)[0] ?? ''
    } catch {
      return ''
    }
  }
}
