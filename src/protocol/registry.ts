// The protocols whose requests are timed, in the order in which they are asked whether a connection is theirs.

import type { ExchangeFailures } from '../core/exchange-failure.ts'
import type { ExchangeGroupings } from '../core/exchange-grouping.ts'
import { dns } from './dns/dns.ts'
import { type ExchangeProtocol, failureOf } from './exchange-parser.ts'
import { http } from './http/http.ts'
import { memcached } from './memcached/memcached.ts'
import type { ProtocolName } from './names.ts'
import { raw } from './raw/raw.ts'
import { redis } from './redis/redis.ts'

const PROTOCOLS: Readonly<Record<ProtocolName, ExchangeProtocol>> = { http, redis, memcached, dns }

export const EXCHANGE_PROTOCOLS: readonly ExchangeProtocol[] = Object.values(PROTOCOLS)

/** What each protocol says of its answers that are failures. */
export const EXCHANGE_FAILURES: ExchangeFailures = new Map(
  EXCHANGE_PROTOCOLS.map((protocol) => [protocol.name, (exchange) => failureOf(protocol, exchange)]),
)

/** How each protocol's exchanges are put together, where it has rules of its own. */
export const EXCHANGE_GROUPINGS: ExchangeGroupings = new Map(
  [...EXCHANGE_PROTOCOLS, raw].flatMap(({ name, grouping }) => (grouping === undefined ? [] : [[name, grouping]])),
)
