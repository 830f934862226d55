// memcached's errors (doc/protocol.txt, "Error strings"; "Response status" of the binary protocol).

import type { Exchange } from '../../core/exchange.ts'
import type { ExchangeFailure } from '../../core/exchange-failure.ts'

const MEANINGS = new Map<string, string>([
  ['ERROR', 'the server does not know this command'],
  ['CLIENT_ERROR', 'what was sent is no sound command'],
  ['SERVER_ERROR', 'the server could not do it, for lack of memory above all'],
])
const CREDENTIALS = /authenticat/i

export function memcachedFailureOf({ status, statusText }: Exchange): ExchangeFailure | undefined {
  if (status !== 'error') return undefined
  if (CREDENTIALS.test(statusText)) {
    return { id: 'auth-failed', code: statusText, meaning: 'the server wants other credentials' }
  }
  const word = /^[A-Z_]+(?= |$)/.exec(statusText)?.[0]
  return { id: 'protocol-error', code: word ?? statusText, meaning: MEANINGS.get(word ?? '') ?? '' }
}
