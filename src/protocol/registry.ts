// The protocols whose requests are timed, in the order in which they are asked whether a connection is theirs.

import type { ExchangeProtocol } from './exchange-parser.ts'
import { memcached } from './memcached.ts'
import { redis } from './redis.ts'

export const EXCHANGE_PROTOCOLS: readonly ExchangeProtocol[] = [redis, memcached]
