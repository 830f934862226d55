// The names of the protocols, for flags, help, completion and man page. Plain data, because it is loaded at every start.
// registry.ts has a protocol for each, which the compiler checks.

/** In the order in which they are offered. */
export const PROTOCOL_NAMES = ['redis', 'memcached', 'http', 'dns'] as const
export type ProtocolName = (typeof PROTOCOL_NAMES)[number]

/** What of each protocol is understood. */
export const PROTOCOL_HELP: Readonly<Record<ProtocolName, string>> = {
  redis: 'RESP2, RESP3 and inline',
  memcached: 'text and binary',
  http: '0.9 to 1.1',
  dns: 'over UDP and TCP',
}

/** For connections that speak none of them. */
export const RAW = 'raw'
/** Finds each connection's protocol by its content. */
export const AUTO = 'auto'
