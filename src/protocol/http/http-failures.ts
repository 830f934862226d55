// HTTP answers that are failures (RFC 9110 §15): those of the server, and those that ask for credentials.

import type { Exchange } from '../../core/exchange.ts'
import type { ExchangeFailure } from '../../core/exchange-failure.ts'

const FAILURES = new Map<string, ExchangeFailure>(
  (
    [
      ['500', 'the application failed'],
      ['501', 'the server does not know this method'],
      ['502', 'it is a proxy, and what is behind it gave no answer that it could pass on'],
      ['503', 'the server is overloaded, not ready yet, or has nothing behind it that works'],
      ['504', 'it is a proxy, and what is behind it did not answer in time'],
      ['505', 'the server does not speak this version of HTTP'],
      ['507', 'the server has no room left'],
      ['511', 'the network wants a login first'],
    ] as const
  ).map(([code, meaning]) => [code, { id: 'http-error', code, meaning, ofUpstream: /^50[234]$/.test(code) }]),
)
const CREDENTIALS = new Map<string, ExchangeFailure>([
  ['401', { id: 'auth-failed', code: '401', meaning: 'the server wants other credentials', isChallenge: true }],
  ['407', { id: 'auth-failed', code: '407', meaning: 'the proxy wants other credentials', isChallenge: true }],
])
const SERVER_ERROR = /^5\d\d/
const FOUR = 0x34
const FIVE = 0x35

export function httpFailureOf({ status, statusText }: Exchange): ExchangeFailure | undefined {
  const first = statusText.charCodeAt(0)
  if (first !== FOUR && first !== FIVE) return undefined
  if (status !== 'error') return CREDENTIALS.get(statusText)
  const code = SERVER_ERROR.exec(statusText)?.[0]
  if (code === undefined) return undefined
  return FAILURES.get(code) ?? { id: 'http-error', code, meaning: '' }
}
