// The messages between the program that parses and the broker: lines of JSON over Unix sockets. The broker checks everything.
//
// The client opens one connection for control, and one for each request whose answer is a stream (captured packets). Every
// connection begins with a greeting; the broker answers over control.

import { timingSafeEqual } from 'node:crypto'
import type { CaptureExit } from './capture-process.ts'

/** First line of a connection. `token` is what the broker was started with: anybody on the machine may connect. */
export type BrokerGreeting =
  | { readonly token: string; readonly control: true }
  | { readonly token: string; readonly ask: BrokerAsk }

/** The client chooses `id`, a new one for each request. */
export interface BrokerAsk {
  readonly id: number
  /** See broker-requests.ts. */
  readonly type: string
  readonly request: unknown
}

/** Further lines of the control connection. stop and kill are for the process that a request started. */
export type BrokerCommand = { readonly type: 'stop' | 'kill'; readonly id: number } | { readonly ask: BrokerAsk }

/** From the broker, over control. */
export type BrokerReply =
  | { readonly type: 'ready' }
  | { readonly type: 'started'; readonly id: number }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly reason: string }
  | { readonly type: 'exited'; readonly id: number; readonly exit: CaptureExit }

/** A filter expression may be long. */
export const MAXIMUM_LINE_CHARACTERS = 1 << 20

/** The greeting if `message` is one with the right token. */
export function checkGreeting(message: unknown, token: string): BrokerGreeting | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const fields = message as Record<string, unknown>
  if (typeof fields.token !== 'string' || !isSame(fields.token, token)) return undefined
  if (fields.control === true) return { token, control: true }
  const ask = checkAsk(fields.ask)
  return ask === undefined ? undefined : { token, ask }
}

/** The command if `message` is one. */
export function checkBrokerCommand(message: unknown): BrokerCommand | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const { type, id, ask } = message as Record<string, unknown>
  if ((type === 'stop' || type === 'kill') && isId(id)) return { type, id }
  const asked = checkAsk(ask)
  return asked === undefined ? undefined : { ask: asked }
}

function checkAsk(value: unknown): BrokerAsk | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, type, request } = value as Record<string, unknown>
  return isId(id) && typeof type === 'string' ? { id, type, request } : undefined
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Cuts input into lines of at most MAXIMUM_LINE_CHARACTERS and parses them; a line that is not JSON gives undefined. */
export class LineReader {
  #text = ''

  /** Returns the values of the lines that `text` completes, or 'too long'. */
  push(text: string): unknown[] | 'too long' {
    this.#text += text
    const lines = this.#text.split('\n')
    this.#text = lines.pop()!
    return this.#text.length > MAXIMUM_LINE_CHARACTERS ? 'too long' : lines.map(parseJson)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
