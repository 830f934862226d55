// wrong-bind and localhost-misuse: a refusal, and the sockets that listen tell why.

import { isLoopback } from '../../core/endpoint.ts'
import { duration } from '../../core/plain-numbers.ts'
import type { HostFacts, ListeningSocket, OtherListener } from '../../core/ports.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import type { Description, FindingKind, Judge } from '../rule.ts'
import { REFUSED } from './refused-kind.ts'

export const WRONG_BIND: FindingKind = {
  id: 'wrong-bind',
  severity: 'error',
  title: 'the server listens to itself only',
  meaning:
    'The port is open, but only on 127.0.0.1 or ::1 (or on another address of the server), so that nobody else can reach it. Inside a container it seems to work.',
  told: 'The connection is refused as by a closed port, and the sockets in the network namespace of the server show the port on other addresses only. It needs the engine or /proc.',
  limits: 'Where the sockets cannot be read it is told as refused.',
  advice: 'Let the program listen on 0.0.0.0 (or ::): often an option --host, --bind, listen_addresses, bind-address.',
  insteadOf: [REFUSED],
}

export const LOCALHOST_MISUSE: FindingKind = {
  id: 'localhost-misuse',
  severity: 'error',
  title: 'localhost is the container itself',
  meaning:
    'A program in a container connects to localhost, and means another container or the host. In a container localhost is the container itself.',
  told: 'A container is refused on its own 127.0.0.1 or ::1, and another container listens on that port for others. It needs the engine, and a capture inside the container.',
  limits: 'Which container is meant is a guess when several listen on that port.',
  advice:
    'Use the name of the other container instead of localhost, on a network that both are on; for the host itself host.docker.internal or the address of the gateway.',
  insteadOf: [REFUSED],
}

const MAXIMUM_SOCKETS = 5

/**
 * Asks for the sockets; what they tell is said when they are known. `onReplaced`: refusals of that end are of this kind from now
 * on.
 */
export function explainRefusal(judge: Judge, c: ConnectionFacts, onReplaced: (kind: FindingKind) => void): void {
  const { place, clientEnd, serverEnd } = c
  const { counted } = c
  const subject = { place, client: clientEnd, server: serverEnd, facts: counted }
  const seen = evidenceOf(c)
  if (isLoopback(serverEnd)) {
    judge.askListeners(place, serverEnd, (others) => {
      if (others.length === 0) return
      onReplaced(LOCALHOST_MISUSE)
      judge.replace(REFUSED, LOCALHOST_MISUSE, subject, 'certain', () =>
        describeMisuse(judge.hostOf(place, clientEnd), serverEnd.port, others, seen),
      )
    })
    return
  }
  judge.askHost(place, serverEnd, 'sockets', (facts) => {
    if (facts.listening === undefined) return
    const family = serverEnd.family === 6 ? 6 : 4
    const onPort = facts.listening.filter(({ port }) => port === serverEnd.port)
    const own = onPort.filter(({ address }) => address.includes(':') === (family === 6))
    if (onPort.some(({ address }) => accepts(address, serverEnd.address, family))) {
      judge.revise(REFUSED, counted, 'likely', () => describeOpen(facts, serverEnd.port, seen))
    } else if (own.length > 0) {
      onReplaced(WRONG_BIND)
      judge.replace(REFUSED, WRONG_BIND, subject, 'certain', () => describeBind(facts, own[0]!, seen))
    } else judge.revise(REFUSED, counted, 'certain', () => describeClosed(facts, serverEnd.port, onPort, seen))
  })
}

/** `::` takes IPv4 too, unless its program asked for IPv6 alone. */
function accepts(address: string, wanted: string, family: 4 | 6): boolean {
  return address === wanted || address === '::' || (family === 4 && address === '0.0.0.0')
}

function evidenceOf({ client, server, serverEnd }: ConnectionFacts): Description['evidence'] {
  return [
    { micros: client.lastSynMicros, text: `SYN to ${serverEnd}` },
    { micros: server.resetMicros, text: `RST after ${duration(server.resetMicros - client.lastSynMicros)}` },
  ]
}

type Seen = Description['evidence']

function describeBind({ name }: HostFacts, socket: ListeningSocket, seen: Seen): Description {
  const every = socket.address.includes(':') ? '::' : '0.0.0.0'
  const process = socket.process === '' ? 'the program' : socket.process
  return {
    cause: `${name} listens on ${written(socket)}${named(socket)} only, which nobody else can reach.`,
    next: `let ${process} in ${name} listen on ${every}:${socket.port}`,
    evidence: [
      ...seen,
      { micros: lastOf(seen), text: `${name} has a socket on ${written(socket)}, and none for others` },
    ],
  }
}

function describeClosed(facts: HostFacts, port: number, onPort: readonly ListeningSocket[], seen: Seen): Description {
  const { name } = facts
  const open = (facts.listening ?? []).filter((each) => each.port !== port && !isOwn(each.address))
  const shown = open.slice(0, MAXIMUM_SOCKETS).map((each) => `${written(each)}${named(each)}`)
  const more = open.length > shown.length ? ` and ${open.length - shown.length} more` : ''
  const listens =
    shown.length === 0 ? 'It listens on nothing for others.' : `${name} listens on ${shown.join(', ')}${more}.`
  const family =
    onPort.length > 0 ? ` On that port it listens for the other IP version only: ${written(onPort[0]!)}.` : ''
  const [only] = open
  return {
    cause: `Nothing listens on port ${port} of ${name}.${family} ${listens}`,
    next:
      family !== ''
        ? `let it listen on :: and 0.0.0.0`
        : open.length === 1
          ? `use port ${only!.port}`
          : `start the server in ${name}, or use a port that it listens on`,
    evidence: [...seen, { micros: lastOf(seen), text: `${name} has no socket that listens on port ${port} there` }],
  }
}

function describeOpen({ name }: HostFacts, port: number, seen: Seen): Description {
  return {
    cause: `${name} listens on port ${port} now: either it was not ready yet when it was asked, or a firewall answers in its name.`,
    next: `try again; if it is still refused, look for a rule with REJECT --reject-with tcp-reset`,
    evidence: [...seen, { micros: lastOf(seen), text: `${name} has a socket on port ${port} by now` }],
  }
}

function describeMisuse(name: string, port: number, others: readonly OtherListener[], seen: Seen): Description {
  const best = others.find(({ commonNetworks }) => commonNetworks.length > 0) ?? others[0]!
  const listen = others.length === 1 ? `${best.name} listens` : `${others.map((each) => each.name).join(', ')} listen`
  const join =
    best.commonNetworks.length > 0 ? '' : `, on a network that both are on (docker network connect NET ${name})`
  return {
    cause: `${name} connects to localhost:${port}, which is ${name} itself, and nothing listens there; ${listen} on that port.`,
    next: `in ${name} use ${best.name}:${port} in place of localhost:${port}${join}`,
    evidence: seen,
  }
}

function isOwn(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

function written({ address, port }: ListeningSocket): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function named({ process }: ListeningSocket): string {
  return process === '' ? '' : ` (${process})`
}

function lastOf(seen: Seen): number {
  return seen.at(-1)?.micros ?? 0
}
