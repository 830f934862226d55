// The names of the protocols, for who offers them to choose from: flags, help, completion, man page. Plain data, as it is
// loaded at every start; registry.ts has a protocol for each, which the compiler checks.

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

/** What is none of them. */
export const RAW = 'raw'
/** Each connection by its content. */
export const AUTO = 'auto'
