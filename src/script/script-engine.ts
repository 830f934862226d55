// What the two kinds of scripts have in common, and the queue between captured traffic and a script.

import type { ScriptConnection, ScriptData, ScriptExchange, ScriptPacket } from './script-types.d.ts'

/** How long one call of a hook may compute. */
export const LONGEST_CALL_MILLIS = 10_000

export const HOOKS = ['onPacket', 'onConnection', 'onData', 'onExchange', 'onEnd'] as const
export type Hook = (typeof HOOKS)[number]

/** An error of the script; the message names its file and, if known, the line. */
export class ScriptError extends Error {}

/** What a script may do to the run. */
export interface ScriptWorld {
  /** Standard output. The bytes are copied. */
  print(bytes: Uint8Array): void
  /** Standard error. */
  printError(bytes: Uint8Array): void
  /** Imports the ES module at a URL; if absent, the usual import is used. */
  readonly importModule?: ((url: string) => Promise<unknown>) | undefined
  /** The script asks for the end of the run. */
  stop(exitCode: number): void
  /** Something failed outside of a call: a promise, a timer. */
  fail(error: ScriptError): void
}

export interface ScriptEngine {
  readonly hooks: ReadonlySet<Hook>
  /** So many async hooks are running that nothing more should be handed over. */
  readonly saturated: boolean
  /** Calls hooks for what is queued, oldest first, for about `millis`. Throws ScriptError. */
  run(queue: ScriptQueue, millis: number): void
  /** Resolves when fewer async hooks are running. */
  settle(): Promise<void>
  /** Writes out what the script has written to its own files. */
  flush(): void
  /** The last hook, then the end of all async ones. Rejects with ScriptError. */
  end(): Promise<void>
  /** The script gets nothing more. Called once, whatever happened. */
  close(): void
}

/**
 * What changes about a connection. The script works later than this is known, so it is filled in when the hook is
 * called.
 */
export type ConnectionState = Pick<
  ScriptConnection,
  | 'handshakeMicros'
  | 'clientBytes'
  | 'serverBytes'
  | 'retransmittedBytes'
  | 'missingBytes'
  | 'closeMicros'
  | 'closeReason'
>

export type ScriptEvent =
  | { readonly hook: 'onPacket'; readonly packet: ScriptPacket }
  | {
      readonly hook: 'onConnection'
      readonly connection: ScriptConnection
      readonly state: ConnectionState
      readonly event: 'open' | 'close'
    }
  | { readonly hook: 'onData'; readonly data: ScriptData; readonly state: ConnectionState }
  | { readonly hook: 'onExchange'; readonly exchange: ScriptExchange }

/** First in, first out; emptied between two chunks of input. */
export class ScriptQueue {
  #events: ScriptEvent[] = []
  #next = 0

  get length(): number {
    return this.#events.length - this.#next
  }

  push(event: ScriptEvent): void {
    this.#events.push(event)
  }

  shift(): ScriptEvent | undefined {
    const event = this.#events[this.#next]
    if (event === undefined || ++this.#next < this.#events.length) return event
    this.clear()
    return event
  }

  clear(): void {
    this.#events = []
    this.#next = 0
  }
}
