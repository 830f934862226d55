// Why a capture could not begin, or ended, in the operator's words.

import { existsSync } from 'node:fs'
import { OperatorError } from '../core/errors.ts'
import type { CaptureExit } from './capture-process.ts'
import { type CaptureEnd, type CaptureRequest, parseCaptureEnd } from './capture-request.ts'
import { closestNames } from './interfaces.ts'

const MOST_NAMES_SHOWN = 12

/** The interface does not exist, or no longer exists. For a container this may mean that it has stopped. */
export class InterfaceAbsent extends OperatorError {}

/** The message about a child that ended without being asked to. */
export function captureError(exit: CaptureExit, request: CaptureRequest): OperatorError {
  const end = parseCaptureEnd(exit.stderrTail)
  const name = request.interfaceName
  if (end === undefined) return crash(exit, request)
  switch (end.code) {
    case 'permission':
      return new OperatorError(`no permission to capture on ${name} (${end.message})`, permissionHint())
    case 'no-such-interface':
      return new InterfaceAbsent(`there is no interface ${name}`, interfacesHint(name, end))
    case 'interface-down':
      return new InterfaceAbsent(`${name} is down`, `bring it up: ip link set ${name} up`)
    case 'bad-filter':
      return new OperatorError(
        `bad filter '${request.filter}': ${end.message}`,
        "a filter looks like this: 'tcp port 80 and host 172.17.0.2' (man pcap-filter)",
      )
    case 'no-libpcap':
      return new OperatorError(
        `libpcap cannot be used (${end.message})`,
        "run 'npm rebuild pcap' in tcpflow's folder; it needs libpcap and a compiler (Debian: libpcap-dev g++ make python3)",
      )
    case 'interface-gone':
      return new InterfaceAbsent(`${name} is gone`, 'the container has stopped, or the interface was removed')
    case 'wrong-namespace':
      return new InterfaceAbsent(`the container was gone before its network could be entered (${end.message})`)
    case 'failed':
      return new OperatorError(`cannot capture on ${name}: ${end.message}`)
  }
}

function crash(exit: CaptureExit, request: CaptureRequest): OperatorError {
  const name = request.interfaceName
  const how = exit.signal ?? (exit.exitCode === null ? 'not started' : `exit code ${exit.exitCode}`)
  if (request.namespace !== undefined && exit.stderrTail.startsWith('nsenter:')) {
    const message = `cannot enter the network namespace of process ${request.namespace.pid}: ${exit.stderrTail.trim().slice(9)}`
    // /proc/PID/ns/net, of a process that has ended
    if (/No such (file|process)/.test(exit.stderrTail)) return new InterfaceAbsent(message, 'the process has ended')
    return new OperatorError(message, 'it takes CAP_SYS_ADMIN and CAP_SYS_PTRACE; --via sidecar needs only the engine')
  }
  const lines = exit.stderrTail.trim().split('\n')
  // the most useful line of a stack trace is the one that names the error
  const words = lines.find((line) => /\b\w*Error\b/.test(line)) ?? lines.at(-1) ?? ''
  return new OperatorError(`the capture of ${name} broke off (${how})${words === '' ? '' : `: ${words.trim()}`}`)
}

function permissionHint(): string {
  const inDocker = 'in Docker: docker run --cap-add NET_RAW --net host, without no-new-privileges where --user is given'
  return process.geteuid?.() === 0 ? inDocker : `run it as root: sudo tcpflow …; ${inDocker}`
}

function interfacesHint(wanted: string, { interfaceNames }: CaptureEnd): string {
  const names = closestNames(wanted, interfaceNames)
  const shown = names.slice(0, MOST_NAMES_SHOWN).join(', ')
  const more = names.length > MOST_NAMES_SHOWN ? ` and ${names.length - MOST_NAMES_SHOWN} more (tcpflow --list)` : ''
  const host = existsSync('/.dockerenv') ? '; docker run --net host shows those of the host' : ''
  return `there are: ${shown}${more}, or any for all of them${host}`
}
