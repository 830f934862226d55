// Finds for each connection of one capture the same connection in the other, by what was said on it. Then pairs their
// exchanges.

import { clockOffset } from './clock-offset.ts'
import { type Conversation, type LoggedExchange, mixed } from './exchange-log.ts'
import type { PairedExchange } from './paired-exchange.ts'

/** A connection is recognised by this many exchanges in a row, also where one capture has only a part of it. */
const SEQUENCE_LENGTH = 3
/** A sequence that is in more connections than this says nothing. */
const MAXIMUM_PLACES_OF_A_SEQUENCE = 32
/** Where one capture misses exchanges, this many of the other are looked through for the next that both have. */
const LOOKAHEAD = 64
/** Of many that said the same, this many are looked at, nearest in time. */
const NEIGHBOURS = 16

/** In the order of the client's clock. */
export function pairExchanges(atClient: readonly Conversation[], atServer: readonly Conversation[]): PairedExchange[] {
  const left = new Set(atClient)
  const right = new Set(atServer)
  const paired: PairedExchange[] = []
  const take = (client: Conversation, server: Conversation): void => {
    left.delete(client)
    right.delete(server)
    align(client, server, paired)
  }
  const ambiguous = pairBySignature(left, right, take)
  pairBySequences(left, right, take)
  // Several said exactly the same. They are told apart by time, once the clocks' difference is known.
  const offset = clockOffset(paired).micros
  for (const [clients, servers] of ambiguous) pairByTime(clients, servers, offset, take)
  return paired.sort((a, b) => a.atClient.startMicros - b.atClient.startMicros)
}

/**
 * Pairs conversations that said the same from beginning to end, where both sides have equally many. The other groups are set
 * aside.
 */
function pairBySignature(
  left: Set<Conversation>,
  right: Set<Conversation>,
  take: (client: Conversation, server: Conversation) => void,
): [Conversation[], Conversation[]][] {
  const servers = bySignature(right)
  const ambiguous: [Conversation[], Conversation[]][] = []
  for (const [signature, clients] of bySignature(left)) {
    const same = servers.get(signature) ?? []
    if (clients.length === same.length) {
      for (const [i, client] of clients.entries()) take(client, same[i]!)
    } else if (same.length > 0) {
      for (const client of clients) left.delete(client)
      for (const server of same) right.delete(server)
      ambiguous.push([clients, same])
    }
  }
  return ambiguous
}

function bySignature(conversations: Iterable<Conversation>): Map<number, Conversation[]> {
  const groups = new Map<number, Conversation[]>()
  for (const conversation of [...conversations].sort(byStart)) {
    const group = groups.get(conversation.signature)
    if (group === undefined) groups.set(conversation.signature, [conversation])
    else group.push(conversation)
  }
  return groups
}

function byStart(a: Conversation, b: Conversation): number {
  return startOf(a) - startOf(b)
}

function startOf({ exchanges }: Conversation): number {
  return exchanges[0]!.startMicros
}

/**
 * For connections of which a capture saw only a part: pairs each with the one that shares most with it. What is rare counts
 * more.
 */
function pairBySequences(
  left: ReadonlySet<Conversation>,
  right: ReadonlySet<Conversation>,
  take: (client: Conversation, server: Conversation) => void,
): void {
  const places = new Map<number, Conversation[]>()
  for (const conversation of right) {
    for (const sequence of new Set(sequencesOf(conversation))) {
      const known = places.get(sequence)
      if (known === undefined) places.set(sequence, [conversation])
      else if (known.length <= MAXIMUM_PLACES_OF_A_SEQUENCE) known.push(conversation)
    }
  }
  const candidates: { client: Conversation; server: Conversation; score: number }[] = []
  for (const client of left) {
    const scores = new Map<Conversation, number>()
    for (const sequence of new Set(sequencesOf(client))) {
      const where = places.get(sequence) ?? []
      if (where.length > MAXIMUM_PLACES_OF_A_SEQUENCE) continue
      for (const server of where) scores.set(server, (scores.get(server) ?? 0) + 1 / where.length)
    }
    for (const [server, score] of scores) candidates.push({ client, server, score })
  }
  takeBest(
    candidates.sort((a, b) => b.score - a.score),
    take,
  )
}

/** Numbers of all sequences, by the index at which they begin. */
function sequencesOf({ exchanges }: Conversation): number[] {
  const sequences: number[] = []
  for (let i = 0; i + SEQUENCE_LENGTH <= exchanges.length; i++) {
    let sequence = 0
    for (let j = i; j < i + SEQUENCE_LENGTH; j++) sequence = mixed(sequence, exchanges[j]!.fingerprint)
    sequences.push(sequence)
  }
  return sequences
}

/** Pairs the nearest in time first, so that one missing conversation does not shift all others. */
function pairByTime(
  clients: readonly Conversation[],
  servers: readonly Conversation[],
  offsetMicros: number,
  take: (client: Conversation, server: Conversation) => void,
): void {
  const candidates: { client: Conversation; server: Conversation; apart: number }[] = []
  let nearest = 0
  for (const client of clients) {
    const start = startOf(client) + offsetMicros
    while (nearest + 1 < servers.length && startOf(servers[nearest + 1]!) <= start) nearest++
    const to = Math.min(servers.length, nearest + NEIGHBOURS)
    for (let i = Math.max(0, nearest - NEIGHBOURS); i < to; i++) {
      candidates.push({ client, server: servers[i]!, apart: Math.abs(startOf(servers[i]!) - start) })
    }
  }
  takeBest(
    candidates.sort((a, b) => a.apart - b.apart),
    take,
  )
}

/** Takes candidates in this order, each conversation at most once. */
function takeBest(
  candidates: readonly { client: Conversation; server: Conversation }[],
  take: (client: Conversation, server: Conversation) => void,
): void {
  const taken = new Set<Conversation>()
  for (const { client, server } of candidates) {
    if (taken.has(client) || taken.has(server)) continue
    taken.add(client)
    taken.add(server)
    take(client, server)
  }
}

/** Pairs the exchanges of two conversations in order, and skips what only one of them has. */
function align(client: Conversation, server: Conversation, paired: PairedExchange[]): void {
  const a = client.exchanges
  const b = server.exchanges
  let [i, j] = agree(a, 0, b, 0) ? [0, 0] : firstCommon(client, server)
  while (i < a.length && j < b.length) {
    if (a[i]!.fingerprint !== b[j]!.fingerprint) {
      const skip = nextCommon(a, i, b, j)
      if (skip === undefined) return
      i += skip[0]
      j += skip[1]
    }
    paired.push({ atClient: a[i]!, atServer: b[j]!, client, server })
    i++
    j++
  }
}

/** Whether both say the same from there on, SEQUENCE_LENGTH times in a row or to the end of one. */
function agree(a: readonly LoggedExchange[], i: number, b: readonly LoggedExchange[], j: number): boolean {
  const length = Math.min(SEQUENCE_LENGTH, a.length - i, b.length - j)
  for (let k = 0; k < length; k++) if (a[i + k]!.fingerprint !== b[j + k]!.fingerprint) return false
  return length > 0
}

/** Where the first sequence begins that both have; behind the end where there is none. */
function firstCommon(client: Conversation, server: Conversation): [number, number] {
  const places = new Map<number, number>()
  sequencesOf(server).forEach((sequence, j) => {
    if (!places.has(sequence)) places.set(sequence, j)
  })
  const sequences = sequencesOf(client)
  const i = sequences.findIndex((sequence) => places.has(sequence))
  return i < 0 ? [client.exchanges.length, server.exchanges.length] : [i, places.get(sequences[i]!)!]
}

/** How many to skip on each side until they agree again; undefined when they do not within LOOKAHEAD. */
function nextCommon(
  a: readonly LoggedExchange[],
  i: number,
  b: readonly LoggedExchange[],
  j: number,
): readonly [number, number] | undefined {
  for (let sum = 1; sum <= LOOKAHEAD; sum++) {
    for (let ofA = 0; ofA <= sum; ofA++) {
      if (agree(a, i + ofA, b, j + sum - ofA)) return [ofA, sum - ofA]
    }
  }
  return undefined
}
