// What the unprivileged program and the broker say to each other over Node's IPC channel. The broker believes nothing.

import type { CaptureExit } from './capture-process.ts'
import { type CaptureRequest, checkCaptureRequest } from './capture-request.ts'

/** To the broker. `id` is chosen by the asker, new for every launch. */
export type BrokerCommand =
  | { readonly type: 'launch'; readonly id: number; readonly request: CaptureRequest }
  | { readonly type: 'begin' | 'stop' | 'kill'; readonly id: number }

/**
 * From the broker. `launched` carries the child's standard output as a socket; the child writes nothing before `begin`,
 * and `begin` is sent after the socket has arrived: only then has the broker let go of it, so no byte is lost.
 */
export type BrokerReply =
  | { readonly type: 'launched'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly reason: string }
  | { readonly type: 'exited'; readonly id: number; readonly exit: CaptureExit }

/** The command if `message` is one, else why not. */
export function checkBrokerCommand(message: unknown): BrokerCommand | string {
  if (typeof message !== 'object' || message === null) return 'the message is no object'
  const { type, id, request } = message as Record<string, unknown>
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return 'the message has no id'
  if (type === 'begin' || type === 'stop' || type === 'kill') return { type, id }
  if (type !== 'launch') return 'the message is of no known type'
  const checked = checkCaptureRequest(request)
  return typeof checked === 'string' ? checked : { type, id, request: checked }
}
