// Redis' errors by their first word (redis.io, "RESP protocol", and the server's own texts), and those that healthy clients
// meet: redirections of a cluster, scripts that are loaded when they are needed, questions to older servers.

import type { Exchange } from '../../core/exchange.ts'
import type { ExchangeFailure } from '../../core/exchange-failure.ts'

const MEANINGS = new Map<string, string>([
  ['BUSY', 'a script runs and lets nothing else through'],
  ['CLUSTERDOWN', 'the cluster does not cover all slots, or a majority of it is gone'],
  ['CROSSSLOT', 'the keys of one command lie in different slots of the cluster'],
  ['DENIED', 'the server runs in protected mode and takes connections from itself only'],
  ['ERR', 'the server does not take this command'],
  ['EXECABORT', 'a command of the transaction was refused before'],
  ['LOADING', 'the server is still loading its data'],
  ['MASTERDOWN', 'the replica has lost its master'],
  ['MISCONF', 'the server cannot save to disk and takes no writes'],
  ['NOPERM', 'this user may not do that (ACL)'],
  ['NOREPLICAS', 'there are too few replicas for a write'],
  ['OOM', 'the server has used all the memory that it may (maxmemory)'],
  ['READONLY', 'it writes to a replica, which takes no writes'],
  ['TRYAGAIN', 'the keys are being moved within the cluster'],
  ['WRONGTYPE', 'the key holds another type of value'],
])
const CREDENTIALS = new Map<string, ExchangeFailure>(
  (
    [
      ['NOAUTH', 'the server wants a password, and none was given'],
      ['WRONGPASS', 'the user or the password is wrong, or the user is disabled'],
    ] as const
  ).map(([code, meaning]) => [code, { id: 'auth-failed', code, meaning }]),
)
/** Where the server's version has no word of its own for it. */
const CREDENTIALS_TEXT = /^-ERR (?:invalid password|.*AUTH.* without any password|Client sent AUTH, but no password)/i
const BAD_PASSWORD: ExchangeFailure = {
  id: 'auth-failed',
  code: 'ERR',
  meaning: 'the password is wrong, or none is wanted',
}

/** Part of healthy use. */
const USUAL = new Set(['ASK', 'MOVED', 'NOSCRIPT', 'BUSYGROUP', 'NOPROTO', 'INPROG'])
/** Asked of servers that may not know them yet. */
const ASKED_IN_PASSING = new Set(['HELLO', 'CLIENT', 'COMMAND', 'MODULE'])

export function redisErrorCodeOf(statusText: string): string {
  const start = statusText.startsWith('-') ? 1 : 0
  const space = statusText.indexOf(' ', start)
  return statusText.slice(start, space < 0 ? undefined : space)
}

export function redisFailureOf({ status, statusText, command }: Exchange): ExchangeFailure | undefined {
  if (status !== 'error') return undefined
  const code = redisErrorCodeOf(statusText)
  const credentials = CREDENTIALS.get(code) ?? (CREDENTIALS_TEXT.test(statusText) ? BAD_PASSWORD : undefined)
  if (credentials !== undefined) return credentials
  if (USUAL.has(code) || (code === 'ERR' && ASKED_IN_PASSING.has(/^\w*/.exec(command)![0].toUpperCase())))
    return undefined
  return { id: 'protocol-error', code, meaning: MEANINGS.get(code) ?? '' }
}
