// Queries over UDP that wait for their answers. Each takes few bytes, because there are millions when nobody answers. Bounded
// in number and in bytes.
//
// Each has ways: the client's port and an id under which it was asked, two or more once it was repeated. Ways are found by
// socket and id (for answers), by socket and question, by id and question (for repetitions), under 30 bits of hash each.

import { type AddressFamily, Endpoint } from '../../core/endpoint.ts'
import { finishHash, HASH_SEED, mixWord } from '../../core/hash.ts'
import type { Datagram } from '../../core/segment.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { sameQuestion } from './dns-query.ts'

/** What a query and each of its ways take in memory, about, besides the question. */
const QUERY_BYTES = 400
const WAY_BYTES = 350

const BY_SOCKET = 0
const BY_PORT = 1
const BY_ID = 2

/** Who asks whom: the ends of a query, or those of an answer turned round. One object, filled anew for each datagram. */
export class Ends {
  place = 0
  family: AddressFamily = 4
  client0 = 0
  client1 = 0
  client2 = 0
  client3 = 0
  clientPort = 0
  server0 = 0
  server1 = 0
  server2 = 0
  server3 = 0
  serverPort = 0

  set(d: Datagram, isQuery: boolean): void {
    this.place = d.place
    this.family = d.family
    const six = d.family === 6
    this.client0 = six ? (isQuery ? d.sourceWord0 : d.destinationWord0) : 0
    this.client1 = six ? (isQuery ? d.sourceWord1 : d.destinationWord1) : 0
    this.client2 = six ? (isQuery ? d.sourceWord2 : d.destinationWord2) : 0
    this.client3 = isQuery ? d.sourceWord3 : d.destinationWord3
    this.clientPort = isQuery ? d.sourcePort : d.destinationPort
    this.server0 = six ? (isQuery ? d.destinationWord0 : d.sourceWord0) : 0
    this.server1 = six ? (isQuery ? d.destinationWord1 : d.sourceWord1) : 0
    this.server2 = six ? (isQuery ? d.destinationWord2 : d.sourceWord2) : 0
    this.server3 = isQuery ? d.destinationWord3 : d.sourceWord3
    this.serverPort = isQuery ? d.destinationPort : d.sourcePort
  }

  /** Of the client's address and place; what all ways of a query have in common. */
  get hash(): number {
    let hash = mixWord(mixWord(HASH_SEED, this.place), this.client3)
    if (this.family === 6) hash = mixWord(mixWord(mixWord(hash, this.client0), this.client1), this.client2)
    return hash
  }
}

/** One query, whatever ways it was asked. */
export class WaitingQuery {
  /** Name, type and class as they were asked; two questions are the same when they are in lower case. */
  readonly question: string
  readonly opcode: number
  readonly startSeconds: number
  readonly startNanos: number
  readonly startKnown: boolean
  readonly bytes: number
  retries = 0
  /** As unanswered. */
  told = false
  retrySeconds = 0
  retryNanos = 0
  readonly place: number
  readonly family: AddressFamily
  readonly client0: number
  readonly client1: number
  readonly client2: number
  readonly client3: number
  readonly clientPort: number
  readonly server0: number
  readonly server1: number
  readonly server2: number
  readonly server3: number
  readonly serverPort: number
  /** The latest, which leads to the others. */
  way: Way | undefined = undefined
  ways = 0
  older: WaitingQuery | undefined = undefined
  newer: WaitingQuery | undefined = undefined

  constructor(datagram: Datagram, ends: Ends, question: string, opcode: number) {
    this.question = question
    this.opcode = opcode
    this.startSeconds = datagram.time.seconds
    this.startNanos = datagram.time.nanos
    this.startKnown = datagram.time.known
    this.bytes = datagram.payloadEnd - datagram.payloadStart + datagram.missingBytes
    this.place = ends.place
    this.family = ends.family
    this.client0 = ends.client0
    this.client1 = ends.client1
    this.client2 = ends.client2
    this.client3 = ends.client3
    this.clientPort = ends.clientPort
    this.server0 = ends.server0
    this.server1 = ends.server1
    this.server2 = ends.server2
    this.server3 = ends.server3
    this.serverPort = ends.serverPort
  }

  client(): Endpoint {
    return new Endpoint(this.family, this.client0, this.client1, this.client2, this.client3, this.clientPort)
  }

  server(): Endpoint {
    return new Endpoint(this.family, this.server0, this.server1, this.server2, this.server3, this.serverPort)
  }

  repeat(t: Timestamp): void {
    this.retries++
    this.retrySeconds = t.seconds
    this.retryNanos = t.nanos
  }

  askedBy(ends: Ends): boolean {
    return (
      this.client3 === ends.client3 &&
      this.place === ends.place &&
      this.family === ends.family &&
      this.client0 === ends.client0 &&
      this.client1 === ends.client1 &&
      this.client2 === ends.client2
    )
  }

  /**
   * Whether it asks that address. The port is not compared, because name services are often reached through a translated port.
   */
  asks(ends: Ends): boolean {
    return (
      this.server3 === ends.server3 &&
      this.server0 === ends.server0 &&
      this.server1 === ends.server1 &&
      this.server2 === ends.server2
    )
  }
}

/** A port and an id under which a query was asked. */
class Way {
  readonly query: WaitingQuery
  readonly port: number
  readonly id: number
  /** Of the same query, older. */
  readonly earlier: Way | undefined
  /** By BY_…: its hash, and the next way that has the same one. */
  readonly hashes: number[]
  readonly next: (Way | undefined)[]

  constructor(query: WaitingQuery, port: number, id: number, hashes: number[]) {
    this.query = query
    this.port = port
    this.id = id
    this.earlier = query.way
    this.hashes = hashes
    this.next = [undefined, undefined, undefined]
  }
}

export class WaitingQueries {
  oldest: WaitingQuery | undefined = undefined
  newest: WaitingQuery | undefined = undefined
  /** All queries older than this were told as unanswered. */
  oldestUntold: WaitingQuery | undefined = undefined
  /** What they take, about. */
  heldBytes = 0
  readonly #maximumWays: number
  readonly #maximumBytes: number
  readonly #byHash: readonly Map<number, Way>[] = [new Map(), new Map(), new Map()]
  #ways = 0

  constructor(maximumWays: number, maximumBytes: number) {
    this.#maximumWays = maximumWays
    this.#maximumBytes = maximumBytes
  }

  get empty(): boolean {
    return this.#ways === 0
  }

  get full(): boolean {
    return this.#ways >= this.#maximumWays || this.heldBytes >= this.#maximumBytes
  }

  /** The one asked from this socket, and with this id, that `fits`: of several the oldest. */
  findBySocket(ends: Ends, id: number, fits: (query: WaitingQuery) => boolean): WaitingQuery | undefined {
    let found: WaitingQuery | undefined
    let way = this.#byHash[BY_SOCKET]!.get(socketHash(ends, id))
    for (; way !== undefined; way = way.next[BY_SOCKET]) {
      if (way.id === id && way.port === ends.clientPort && way.query.askedBy(ends) && fits(way.query)) found = way.query
    }
    return found
  }

  /** How many are asked from this socket with this id. */
  countBySocket(ends: Ends, id: number): number {
    let count = 0
    this.findBySocket(ends, id, () => {
      count++
      return false
    })
    return count
  }

  /** The one of which `question`, from this socket or with this id, is the repetition. */
  findRepeated(ends: Ends, id: number, question: string): WaitingQuery | undefined {
    const same = (way: Way) =>
      way.query.askedBy(ends) &&
      way.query.asks(ends) &&
      way.query.serverPort === ends.serverPort &&
      sameQuestion(way.query.question, question)
    let way = this.#byHash[BY_PORT]!.get(questionHash(ends, ends.clientPort, BY_PORT, question))
    for (; way !== undefined; way = way.next[BY_PORT]) if (way.port === ends.clientPort && same(way)) return way.query
    way = this.#byHash[BY_ID]!.get(questionHash(ends, id, BY_ID, question))
    for (; way !== undefined; way = way.next[BY_ID]) if (way.id === id && same(way)) return way.query
    return undefined
  }

  add(query: WaitingQuery): void {
    query.older = this.newest
    if (this.newest === undefined) this.oldest = query
    else this.newest.newer = query
    if (this.oldestUntold === undefined) this.oldestUntold = query
    this.newest = query
    this.heldBytes += QUERY_BYTES + query.question.length
  }

  /** Tells the oldest query that was not told yet as unanswered. It stays for its answer. */
  markOldestTold(): void {
    const query = this.oldestUntold!
    query.told = true
    this.oldestUntold = query.newer
  }

  /** True when it was known already. */
  hasWay(query: WaitingQuery, port: number, id: number): boolean {
    for (let way = query.way; way !== undefined; way = way.earlier) if (way.port === port && way.id === id) return true
    return false
  }

  addWay(query: WaitingQuery, ends: Ends, id: number): void {
    const { question } = query
    const hashes = [
      socketHash(ends, id),
      questionHash(ends, ends.clientPort, BY_PORT, question),
      questionHash(ends, id, BY_ID, question),
    ]
    const way = new Way(query, ends.clientPort, id, hashes)
    query.way = way
    query.ways++
    for (const [by, hash] of hashes.entries()) {
      way.next[by] = this.#byHash[by]!.get(hash)
      this.#byHash[by]!.set(hash, way)
    }
    this.#ways++
    this.heldBytes += WAY_BYTES
  }

  remove(query: WaitingQuery): void {
    for (let way = query.way; way !== undefined; way = way.earlier) {
      for (let by = 0; by < 3; by++) this.#unlink(way, by)
      this.#ways--
      this.heldBytes -= WAY_BYTES
    }
    const { older, newer } = query
    if (query === this.oldestUntold) this.oldestUntold = newer
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
    this.heldBytes -= QUERY_BYTES + query.question.length
  }

  #unlink(way: Way, by: number): void {
    const map = this.#byHash[by]!
    const hash = way.hashes[by]!
    const next = way.next[by]
    let before = map.get(hash)
    if (before === way) {
      if (next === undefined) map.delete(hash)
      else map.set(hash, next)
      return
    }
    while (before !== undefined && before.next[by] !== way) before = before.next[by]
    if (before !== undefined) before.next[by] = next
  }
}

function socketHash(ends: Ends, id: number): number {
  return finishHash(mixWord(ends.hash, (ends.clientPort << 16) | id)) & 0x3fffffff
}

function questionHash(ends: Ends, portOrId: number, by: number, question: string): number {
  let hash = mixWord(mixWord(ends.hash, ends.server3), (portOrId << 8) | by)
  for (let i = 0; i < question.length; i++) {
    const code = question.charCodeAt(i)
    hash = mixWord(hash, code >= 0x41 && code <= 0x5a ? code | 0x20 : code)
  }
  return finishHash(hash) & 0x3fffffff
}
