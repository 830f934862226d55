// backlog-full: the kernel has made connections that the application does not accept, and has no room for more.

import { type Endpoint, isSameEnd } from '../../core/endpoint.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { sequenceDistance } from '../../core/sequence.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { hashOfEnd } from '../end-hash.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import { HANDSHAKE_INCOMPLETE } from './handshake-incomplete.ts'
import { LOSS } from './loss-kind.ts'
import { MTU_BLACK_HOLE } from './mtu-black-hole.ts'
import { isUnanswered, UNANSWERED } from './unanswered.ts'

export const BACKLOG_FULL: FindingKind = {
  id: 'backlog-full',
  severity: 'error',
  title: 'the server does not accept connections fast enough',
  meaning:
    'New connections wait in a queue of the kernel until the application accepts them. That queue is full: the application hangs, or is slower than its clients.',
  told: 'The client has acknowledged the handshake and sends data, and the server repeats its SYN+ACK and ignores the data. Or SYNs get no answer, while other connections to the same port are established in which the server has not said a word.',
  limits: 'From outside, a filter that begins to drop just then looks like the second of the two.',
  advice:
    'At the server: ss -ltn shows the queue (Recv-Q) and its size (Send-Q); nstat -az TcpExtListenOverflows counts what was dropped. Find out why the application does not accept; then raise its listen backlog and net.core.somaxconn.',
  insteadOf: [UNANSWERED, LOSS, MTU_BLACK_HOLE, HANDSHAKE_INCOMPLETE],
}

const SYNS_TO_TELL = 2
const WAITED_MICROS = 3_000_000
/** Kernels repeat a SYN+ACK after a second (RFC 6298); what comes sooner is a copy, seen at another capture point. */
const SYN_ACK_AGAIN_MICROS = 500_000
/** Established connections to one port that are looked at. */
const MAXIMUM_KEPT = 64
const MAXIMUM_SERVERS = 4096

export const backlogFull: Rule = {
  kinds: [BACKLOG_FULL],
  begin(judge: Judge): Judgement {
    const established = new Established()
    const lookAtSilence = (c: ConnectionFacts): void => {
      if (judge.has(BACKLOG_FULL, c) || !isUnanswered(judge, c)) return
      const silent = established.silentBefore(c)
      if (silent > 0) tell(judge, c, () => describeSilence(judge, c, silent))
    }
    const lookAtIgnored = (c: ConnectionFacts): void => {
      if (!judge.has(BACKLOG_FULL, c) && isIgnored(c)) tell(judge, c, () => describeIgnored(judge, c))
    }
    return {
      onEstablished: (c) => established.add(c),
      onSynAgain(c, d) {
        if (d === 1) lookAtIgnored(c)
        else if (c.client.syns >= SYNS_TO_TELL) lookAtSilence(c)
      },
      onRetransmission(c, d) {
        if (d === 0 && c.server.syns >= SYNS_TO_TELL) lookAtIgnored(c)
      },
      onClose(c) {
        if (c.establishedMicros !== 0) established.remove(c)
        else if (judge.nowMicros - c.client.firstSynMicros >= WAITED_MICROS) lookAtSilence(c)
      },
    }
  },
}

/** Established connections by the server's end. */
class Established {
  readonly #byServer = new Map<number, ConnectionFacts[]>()

  add(c: ConnectionFacts): void {
    const hash = hashOfEnd(c.place, c.serverEnd)
    let kept = this.#byServer.get(hash)
    if (kept === undefined) {
      if (this.#byServer.size >= MAXIMUM_SERVERS) return
      kept = []
      this.#byServer.set(hash, kept)
    }
    if (kept.length < MAXIMUM_KEPT) kept.push(c)
  }

  remove(c: ConnectionFacts): void {
    const hash = hashOfEnd(c.place, c.serverEnd)
    const kept = this.#byServer.get(hash)
    const at = kept?.indexOf(c) ?? -1
    if (kept === undefined || at < 0) return
    if (kept.length === 1) this.#byServer.delete(hash)
    else kept.splice(at, 1)
  }

  /** Connections to the same port in which the server has never spoken; 0 if it has in any since the SYN of `c`. */
  silentBefore(c: ConnectionFacts): number {
    let silent = 0
    for (const other of this.#byServer.get(hashOfEnd(c.place, c.serverEnd)) ?? []) {
      if (!isSameEnd(other.serverEnd, c.serverEnd)) continue
      if (other.server.lastDataMicros >= c.client.firstSynMicros) return 0
      if (other.server.dataSegments === 0 && other.server.fins === 0) silent++
    }
    return silent
  }
}

/** The handshake is over for the client, and the server goes on with it; what the client says is not acknowledged. */
function isIgnored({ client, server, establishedMicros }: ConnectionFacts): boolean {
  if (establishedMicros === 0 || server.syns < SYNS_TO_TELL || server.lastSynMicros < establishedMicros) return false
  if (server.lastSynMicros - server.firstSynMicros < SYN_ACK_AGAIN_MICROS) return false
  if (client.dataSegments === 0 || client.repeats === 0 || server.dataSegments > 0) return false
  return sequenceDistance(server.acknowledged, client.initialSequence) === 1
}

function tell(judge: Judge, c: ConnectionFacts, describe: () => Description): void {
  judge.find(BACKLOG_FULL, about(c), 'likely', describe)
}

function nextAt(host: string, { port }: Endpoint): string {
  return `at ${host}: ss -ltn 'sport = :${port}' (Recv-Q at Send-Q); see why the application does not accept, raise its backlog and net.core.somaxconn`
}

function describeSilence(judge: Judge, c: ConnectionFacts, silent: number): Description {
  const { place, serverEnd, client } = c
  const host = judge.hostOf(place, serverEnd)
  return {
    cause: `${host} does not answer new connections to port ${serverEnd.port}, and in ${counted(silent, 'connection')} made before it says nothing: its application does not accept, and the queue for that is full.`,
    next: nextAt(host, serverEnd),
    evidence: [
      { micros: client.firstSynMicros, text: `SYN to ${serverEnd}, no answer` },
      {
        micros: client.lastSynMicros,
        text: `${counted(client.syns, 'SYN')}; ${counted(silent, 'other connection')} established, the server silent`,
      },
    ],
  }
}

function describeIgnored(judge: Judge, c: ConnectionFacts): Description {
  const { place, serverEnd, client, server, establishedMicros } = c
  const host = judge.hostOf(place, serverEnd)
  return {
    cause: `${host} ignores that ${judge.hostOf(place, c.clientEnd)} has finished the handshake, and its data: the queue of connections to port ${serverEnd.port} that wait to be accepted is full.`,
    next: nextAt(host, serverEnd),
    evidence: [
      { micros: establishedMicros, text: 'the client acknowledges the SYN+ACK' },
      {
        micros: client.firstDataMicros,
        text: `data of the client, sent again ${counted(client.repeats, 'time')}, never acknowledged`,
      },
      {
        micros: server.lastSynMicros,
        text: `SYN+ACK again, ${duration(server.lastSynMicros - server.firstSynMicros)} after the first`,
      },
    ],
  }
}
