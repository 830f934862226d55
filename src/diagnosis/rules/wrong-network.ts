// wrong-network: two containers that share no network cannot reach each other (Docker isolates its bridges).

import type { HostFacts } from '../../core/ports.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import type { FindingKind, Judge, Judgement, Rule } from '../rule.ts'
import { REJECTED } from './rejected.ts'
import { UNANSWERED } from './unanswered.ts'
import { HOST_UNREACHABLE } from './unreachable.ts'

export const WRONG_NETWORK: FindingKind = {
  id: 'wrong-network',
  severity: 'error',
  title: 'the two containers share no network',
  meaning:
    'One container speaks to an address of another that is on none of its networks. Docker lets nothing pass from one bridge to another.',
  told: 'No answer, a rejection, or an address that nobody answers for; and the engine says that both are containers, and names the networks of each. It needs the engine.',
  limits: 'A host that routes between its bridges on purpose is not known to it.',
  advice: 'docker network connect NETWORK NAME; in Compose, give both services a network in common.',
}

const REPLACED = [UNANSWERED, REJECTED, HOST_UNREACHABLE] as const

export const wrongNetwork: Rule = {
  kinds: [WRONG_NETWORK],
  begin(judge: Judge): Judgement {
    const look = (c: ConnectionFacts): void => {
      const kind = REPLACED.find((each) => judge.has(each, c))
      if (kind !== undefined) ask(judge, c, kind)
    }
    return { onSynAgain: look, onIcmp: look, onClose: look }
  },
}

function ask(judge: Judge, c: ConnectionFacts, kind: FindingKind): void {
  const { place, clientEnd, serverEnd } = c
  const { firstSynMicros } = c.client
  const subject = { place, client: clientEnd, server: serverEnd, facts: c.counted }
  judge.askHost(place, clientEnd, 'networks', (client) => {
    judge.askHost(place, serverEnd, 'networks', (server) => {
      if (!areApart(client, server)) return
      judge.replace(kind, WRONG_NETWORK, subject, 'certain', () => ({
        cause: `${client.name} (on ${client.networks.join(', ')}) and ${server.name} (on ${server.networks.join(', ')}) share no network.`,
        next: `docker network connect ${client.networks[0]} ${server.name}`,
        evidence: [{ micros: firstSynMicros, text: `SYN to ${serverEnd}, and no connection` }],
      }))
    })
  })
}

function areApart(client: HostFacts, server: HostFacts): boolean {
  if (client.networks.length === 0 || server.networks.length === 0) return false
  if (client.networks.includes('host') || server.networks.includes('host')) return false
  return !client.networks.some((each) => server.networks.includes(each))
}
