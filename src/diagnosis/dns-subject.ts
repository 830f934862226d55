// Whom a finding about names is about: the host that asks, and the name server.

import type { Exchange } from '../core/exchange.ts'
import type { Subject } from './rule.ts'

/** Inside a network of one's own; it sends what it does not know to the host's name servers. */
export const DOCKER_RESOLVER = '127.0.0.11'

export function dnsSubject(
  { place, client, server }: Pick<Exchange, 'place' | 'client' | 'server'>,
  name: string,
): Subject {
  // where Docker's resolver is asked, the port is one of its own
  return { place, client, server, name, anyPort: server?.address === DOCKER_RESOLVER }
}
