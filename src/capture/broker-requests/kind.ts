// What a kind of request to the broker is.

import type { Socket } from 'node:net'
import type { Capability } from '../capabilities.ts'
import type { CaptureProcess, CaptureProgram } from '../capture-process.ts'

/** One kind of privileged request. It comes from a process that may have been taken over by an attacker. */
export interface RequestKind<Request = unknown> {
  readonly type: string
  /** The capabilities that it needs. The broker keeps those of the kinds that the plan may ask for, and no others. */
  readonly capabilities: readonly Capability[]
  /** The request if `value` is exactly one, otherwise a string that says what is wrong. Never throws. */
  check(value: unknown): Request | string
  /** Either: plain data that goes back as JSON; undefined where there is none. */
  answer?(request: Request): unknown
  /** Or: bytes that go back over the asker's socket; a string says why there are none. */
  read?(request: Request): Buffer | string
  /** Or: a process whose standard output is the asker's socket. */
  start?(request: Request, program: CaptureProgram, output: Socket): CaptureProcess
}
