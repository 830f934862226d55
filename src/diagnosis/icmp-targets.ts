// Which open connection an ICMP error is about: by the addresses and ports of the packet that it quotes.

import type { Direction } from '../core/connection.ts'
import type { IcmpError } from '../core/segment.ts'
import type { ConnectionFacts } from './connection-facts.ts'

const TCP = 6

/** Open connections by their ends, hashed to a number: a flood of connections costs no strings. */
export class IcmpTargets {
  /** Chains of those whose hashes agree. */
  readonly #byHash = new Map<number, ConnectionFacts[]>()

  add(facts: ConnectionFacts): void {
    const hash = hashOf(facts)
    const chain = this.#byHash.get(hash)
    if (chain === undefined) this.#byHash.set(hash, [facts])
    else if (chain.length < MAXIMUM_CHAIN) chain.push(facts)
  }

  remove(facts: ConnectionFacts): void {
    const hash = hashOf(facts)
    const chain = this.#byHash.get(hash)
    const at = chain?.indexOf(facts) ?? -1
    if (chain === undefined || at < 0) return
    if (chain.length === 1) this.#byHash.delete(hash)
    else chain.splice(at, 1)
  }

  /** undefined: of no open connection. */
  find({ place, quoted, quotedProtocol }: IcmpError): { facts: ConnectionFacts; direction: Direction } | undefined {
    if (quotedProtocol !== TCP) return undefined
    for (const sourceIsClient of [true, false]) {
      const words = sourceIsClient
        ? [quoted.sourceWord3, quoted.sourcePort, quoted.destinationWord3, quoted.destinationPort]
        : [quoted.destinationWord3, quoted.destinationPort, quoted.sourceWord3, quoted.sourcePort]
      const [clientWord, clientPort, serverWord, serverPort] = words as [number, number, number, number]
      const chain = this.#byHash.get(hashWords(clientWord, clientPort, serverWord, serverPort))
      const facts = chain?.find(
        (each) =>
          each.place === place &&
          each.clientEnd.family === quoted.family &&
          each.clientEnd.word3 === clientWord &&
          each.clientEnd.port === clientPort &&
          each.serverEnd.word3 === serverWord &&
          each.serverEnd.port === serverPort,
      )
      if (facts !== undefined) return { facts, direction: sourceIsClient ? 0 : 1 }
    }
    return undefined
  }
}

const MAXIMUM_CHAIN = 16

function hashOf({ clientEnd, serverEnd }: ConnectionFacts): number {
  return hashWords(clientEnd.word3, clientEnd.port, serverEnd.word3, serverEnd.port)
}

function hashWords(client: number, clientPort: number, server: number, serverPort: number): number {
  let hash = Math.imul(client ^ (clientPort << 16), 0x9e3779b1)
  hash = Math.imul((hash ^ (hash >>> 15)) + server, 0x85ebca6b)
  return Math.imul((hash ^ (hash >>> 13)) + serverPort, 0xc2b2ae35) | 0
}
