// The protocols whose requests are timed, in the order in which they are asked whether a connection is theirs.

import { dns } from './dns/dns.ts'
import type { ExchangeProtocol } from './exchange-parser.ts'
import { http } from './http/http.ts'
import { memcached } from './memcached/memcached.ts'
import { redis } from './redis/redis.ts'

export const EXCHANGE_PROTOCOLS: readonly ExchangeProtocol[] = [http, redis, memcached, dns]
