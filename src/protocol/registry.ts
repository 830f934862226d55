// The protocols whose requests are timed, in the order in which they are asked whether a connection is theirs. (`raw` is
// none of them: it is what is left.)

import { dns } from './dns.ts'
import type { ExchangeProtocol } from './exchange-parser.ts'
import { http } from './http.ts'
import { memcached } from './memcached.ts'
import { redis } from './redis.ts'

export const EXCHANGE_PROTOCOLS: readonly ExchangeProtocol[] = [redis, memcached, http, dns]
