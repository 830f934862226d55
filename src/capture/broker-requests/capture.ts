// Requests to capture: on an interface of this network namespace, of netfilter's queues, or inside another namespace.

import { CaptureProcess } from '../capture-process.ts'
import { type CaptureRequest, checkCaptureRequest, isNetfilterName } from '../capture-request.ts'
import type { RequestKind } from './kind.ts'

function start(...[request, program, output]: Parameters<NonNullable<RequestKind<CaptureRequest>['start']>>) {
  return new CaptureProcess(program, request, output)
}

function checkedBy(suits: (request: CaptureRequest) => boolean): RequestKind<CaptureRequest>['check'] {
  return (value) => {
    const request = checkCaptureRequest(value)
    if (typeof request === 'string') return request
    return suits(request) ? request : 'the request is of another kind'
  }
}

export const openInterface = {
  type: 'open-interface',
  capabilities: ['net_raw'],
  check: checkedBy(({ namespace, interfaceName }) => namespace === undefined && !isNetfilterName(interfaceName)),
  start,
} as const satisfies RequestKind<CaptureRequest>

/** libpcap's nflog:N and nfqueue:N. */
export const openNetfilterQueue = {
  type: 'open-netfilter-queue',
  capabilities: ['net_raw', 'net_admin'],
  check: checkedBy(({ namespace, interfaceName }) => namespace === undefined && isNetfilterName(interfaceName)),
  start,
} as const satisfies RequestKind<CaptureRequest>

/**
 * Inside the network namespace of a process. SYS_ADMIN is needed to enter it, SYS_PTRACE to find it where the process has more
 * rights than we, and SETPCAP to take all that away from the child that captures there.
 */
export const enterNamespace = {
  type: 'enter-namespace',
  capabilities: ['net_raw', 'sys_admin', 'sys_ptrace', 'setpcap'],
  check: checkedBy(({ namespace }) => namespace !== undefined),
  start,
} as const satisfies RequestKind<CaptureRequest>

/** The kind that a capture is asked for by. */
export function captureKind({ namespace, interfaceName }: CaptureRequest) {
  if (namespace !== undefined) return enterNamespace.type
  return isNetfilterName(interfaceName) ? openNetfilterQueue.type : openInterface.type
}
