// Headers of datagrams on the console (`--udp`). Datagrams have no connection that could keep them.

import { formatAddress } from '../../core/endpoint.ts'
import { type Datagram, NO_VLAN } from '../../core/segment.ts'

const ENTRIES = 1024

interface Entry {
  place: number
  version: number
  family: number
  vlanId: number
  sourcePort: number
  destinationPort: number
  readonly words: Int32Array
  header: Buffer
}

/**
 * The headers of recent flows, in a table of fixed size. Each flow has one place in it, which it shares with others:
 * the latest flow keeps it.
 */
export class DatagramHeaders {
  readonly #entries: (Entry | undefined)[] = new Array<Entry | undefined>(ENTRIES).fill(undefined)
  readonly #make: (name: string) => Buffer
  readonly #nameOf: (g: Datagram) => string

  /** `make` turns a name into the header's bytes. */
  constructor(make: (name: string) => Buffer, nameOf: (g: Datagram) => string = datagramName) {
    this.#make = make
    this.#nameOf = nameOf
  }

  /** `version` is that of the names; a header made with an earlier version is made again. */
  of(g: Datagram, version = 0): Buffer {
    const at = hash(g)
    const entry = this.#entries[at]
    if (entry !== undefined && entry.version === version && isOf(entry, g)) return entry.header
    const fresh: Entry = {
      place: g.place,
      version,
      family: g.family,
      vlanId: g.vlanId,
      sourcePort: g.sourcePort,
      destinationPort: g.destinationPort,
      words: Int32Array.of(
        g.sourceWord0,
        g.sourceWord1,
        g.sourceWord2,
        g.sourceWord3,
        g.destinationWord0,
        g.destinationWord1,
        g.destinationWord2,
        g.destinationWord3,
      ),
      header: this.#make(this.#nameOf(g)),
    }
    this.#entries[at] = fresh
    return fresh.header
  }
}

function hash(g: Datagram): number {
  let h = g.sourceWord3 ^ g.place ^ Math.imul(g.destinationWord3, 0x9e3779b1)
  h = Math.imul(h ^ g.sourceWord2 ^ g.destinationWord1, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15) ^ ((g.sourcePort << 16) | g.destinationPort), 0x9e3779b1)
  return (h >>> 20) % ENTRIES
}

function isOf(entry: Entry, g: Datagram): boolean {
  const words = entry.words
  return (
    entry.sourcePort === g.sourcePort &&
    entry.destinationPort === g.destinationPort &&
    entry.family === g.family &&
    entry.vlanId === g.vlanId &&
    entry.place === g.place &&
    words[3] === g.sourceWord3 &&
    words[7] === g.destinationWord3 &&
    words[0] === g.sourceWord0 &&
    words[1] === g.sourceWord1 &&
    words[2] === g.sourceWord2 &&
    words[4] === g.destinationWord0 &&
    words[5] === g.destinationWord1 &&
    words[6] === g.destinationWord2
  )
}

/** As tcpflow names flows: `192.168.001.102.50955-074.125.019.104.00053`, with `--42` for VLAN 42. */
export function datagramName(g: Datagram): string {
  const source = address(g.family, g.sourceWord0, g.sourceWord1, g.sourceWord2, g.sourceWord3)
  const destination = address(g.family, g.destinationWord0, g.destinationWord1, g.destinationWord2, g.destinationWord3)
  const vlan = g.vlanId === NO_VLAN ? '' : `--${g.vlanId}`
  return `${source}.${port(g.sourcePort)}-${destination}.${port(g.destinationPort)}${vlan}`
}

function address(family: 4 | 6, word0: number, word1: number, word2: number, word3: number): string {
  if (family === 6) return formatAddress(family, word0, word1, word2, word3)
  return [word3 >>> 24, (word3 >>> 16) & 255, (word3 >>> 8) & 255, word3 & 255]
    .map((byte) => String(byte).padStart(3, '0'))
    .join('.')
}

function port(value: number): string {
  return String(value).padStart(5, '0')
}
