// The request to a capture child and its message when it ends, as the child, its launcher and the broker share them. A request
// crosses a trust boundary (the unprivileged parser asks, root opens), so it is checked strictly.

/** One capture: an interface and how to listen on it. */
export interface CaptureRequest {
  readonly interfaceName: string
  /** BPF expression; '' for none. */
  readonly filter: string
  /** Most bytes kept of a packet, 1 to 262144. */
  readonly snapshotBytes: number
  /** Size of the kernel's ring of packets. */
  readonly kernelBufferBytes: number
  /** Longest that the kernel gathers packets before it hands them over; 0: each at once, at more cost. */
  readonly bufferTimeoutMillis: number
  readonly promiscuous: boolean
  /** Name of the place that the interface is in (see core/places.ts), to be kept with the packets; absent: the host. */
  readonly place?: string
  /** What the interface is, for whoever looks at the packets later: `web on docker0`. */
  readonly description?: string
  /** Enter the network namespace of this process first; it must turn out to be the one with this inode. */
  readonly namespace?: { readonly pid: number; readonly inode: string }
}

/** Why a child ended other than by being asked to; `failed` is everything that has no name of its own. */
export type CaptureEndCode =
  | 'permission'
  | 'no-such-interface'
  | 'interface-down'
  | 'bad-filter'
  | 'no-libpcap'
  | 'interface-gone'
  | 'wrong-namespace'
  | 'failed'

/** The child's last word, one line of JSON on its stderr. */
export interface CaptureEnd {
  readonly code: CaptureEndCode
  /** libpcap's words, or the loader's. */
  readonly message: string
  /** Names of the interfaces where the child looked. */
  readonly interfaceNames: readonly string[]
}

export const MAXIMUM_SNAPSHOT_BYTES = 262_144
const MAXIMUM_FILTER_CHARACTERS = 65_536
const MINIMUM_KERNEL_BUFFER_BYTES = 65_536
const MAXIMUM_KERNEL_BUFFER_BYTES = 2_147_483_647
const MAXIMUM_TIMEOUT_MILLIS = 10_000
// The kernel allows 15 characters; libpcap's own names (`nflog:4`, `bluetooth-monitor`) are a little longer. A slash would
// make a path or a URL of it.
const INTERFACE_NAME = /^[^\s/\p{Cc}]{1,64}$/u
/** Text that is only written into the savefile. */
const LABEL = /^\P{Cc}*$/u
const MAXIMUM_LABEL_CHARACTERS = 256
const REQUIRED_FIELDS = 6
const MAXIMUM_PID = 2 ** 22

/**
 * The request if `value` is exactly one, otherwise a string that says what is wrong. `value` may be anything: the broker calls
 * this with a message from a process that may have been taken over.
 */
export function checkCaptureRequest(value: unknown): CaptureRequest | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the request is no object'
  const fields = value as Record<string, unknown>
  const { interfaceName, filter, snapshotBytes, kernelBufferBytes, bufferTimeoutMillis, promiscuous } = fields
  const labels = labelsOf(fields)
  if (labels === undefined)
    return `place and description must be text of at most ${MAXIMUM_LABEL_CHARACTERS} characters`
  const namespace = namespaceOf(fields)
  if (namespace === undefined) return 'not a network namespace'
  if (Object.keys(fields).length !== REQUIRED_FIELDS + Object.keys({ ...labels, ...namespace }).length) {
    return 'the request has the wrong fields'
  }
  if (typeof interfaceName !== 'string' || !INTERFACE_NAME.test(interfaceName)) return 'not the name of an interface'
  if (typeof filter !== 'string' || filter.length > MAXIMUM_FILTER_CHARACTERS || filter.includes('\0')) {
    return 'not a filter expression'
  }
  if (!isWholeNumber(snapshotBytes, 1, MAXIMUM_SNAPSHOT_BYTES)) {
    return `the snapshot length must be 1 to ${MAXIMUM_SNAPSHOT_BYTES} bytes`
  }
  if (!isWholeNumber(kernelBufferBytes, MINIMUM_KERNEL_BUFFER_BYTES, MAXIMUM_KERNEL_BUFFER_BYTES)) {
    return `the kernel buffer must be ${MINIMUM_KERNEL_BUFFER_BYTES} to ${MAXIMUM_KERNEL_BUFFER_BYTES} bytes`
  }
  if (!isWholeNumber(bufferTimeoutMillis, 0, MAXIMUM_TIMEOUT_MILLIS)) {
    return `the buffer timeout must be 0 to ${MAXIMUM_TIMEOUT_MILLIS} ms`
  }
  if (typeof promiscuous !== 'boolean') return 'promiscuous must be true or false'
  return {
    interfaceName,
    filter,
    snapshotBytes,
    kernelBufferBytes,
    bufferTimeoutMillis,
    promiscuous,
    ...labels,
    ...namespace,
  }
}

/** The namespace if there is one; undefined when it is none. */
function namespaceOf(fields: Record<string, unknown>): Pick<CaptureRequest, 'namespace'> | undefined {
  if (!Object.hasOwn(fields, 'namespace')) return {}
  const value = fields.namespace
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return undefined
  const { pid, inode } = value as Record<string, unknown>
  if (!isWholeNumber(pid, 1, MAXIMUM_PID) || typeof inode !== 'string' || !/^\d{1,20}$/.test(inode)) return undefined
  return { namespace: { pid, inode } }
}

/** Whichever of the two labels are given; undefined when one is not valid text. */
function labelsOf(fields: Record<string, unknown>): Pick<CaptureRequest, 'place' | 'description'> | undefined {
  const labels: { place?: string; description?: string } = {}
  for (const key of ['place', 'description'] as const) {
    if (!Object.hasOwn(fields, key)) continue
    const value = fields[key]
    if (typeof value !== 'string' || value.length > MAXIMUM_LABEL_CHARACTERS || !LABEL.test(value)) return undefined
    labels[key] = value
  }
  return labels
}

/** libpcap's names for netfilter's logs and queues: nflog, nflog:4, nfqueue:1. */
export function isNetfilterName(interfaceName: string): boolean {
  return /^nf(log|queue)(:|$)/.test(interfaceName)
}

function isWholeNumber(value: unknown, minimum: number, maximum: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum
}

/** First byte on a child's standard input: open and begin. */
export const COMMAND_GO = 0x67
/** Then, like the end of its standard input: stop, with the last packets and statistics. */
export const COMMAND_STOP = 0x73

/** The line that ends a child's stderr. */
export function formatCaptureEnd(end: CaptureEnd): string {
  return `${JSON.stringify(end)}\n`
}

/** The child's last word in the tail of its stderr; undefined when it died without one. */
export function parseCaptureEnd(stderrTail: string): CaptureEnd | undefined {
  const line = stderrTail.trimEnd().split('\n').at(-1) ?? ''
  if (!line.startsWith('{"code":')) return undefined
  try {
    return JSON.parse(line) as CaptureEnd
  } catch {
    return undefined
  }
}
