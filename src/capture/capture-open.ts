// Opens libpcap for the capture child and finds out what is wrong when it refuses: the binding only gives libpcap's words.

import { readdirSync } from 'node:fs'
import type { CaptureEndCode, CaptureRequest } from './capture-request.ts'

/** The compiled part of the `pcap` package (pcap_session.cc). */
export interface PcapBinding {
  readonly PcapSession: new () => BindingSession
}

export interface BindingSession {
  /** Returns the link type's name; throws libpcap's message. */
  open_live(
    device: string,
    filter: string,
    bufferBytes: number,
    snapshotBytes: number,
    dumpPath: string,
    onPacket: () => void,
    monitorMode: boolean,
    timeoutMillis: number,
    onWarning: (message: string) => void,
    promiscuous: boolean,
  ): string
  /** Calls onPacket until no packet is ready; negative when libpcap reports an error. */
  dispatch(bytes: Buffer, header: Buffer): number
  start_polling(): void
  stats(): { ps_recv: number; ps_drop: number; ps_ifdrop: number }
  read_callback: () => void
}

/** Ends the child with a reason that its parent understands. */
export class CaptureFailure extends Error {
  readonly code: CaptureEndCode

  constructor(code: CaptureEndCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface OpenCapture {
  readonly binding: BindingSession
  /** LINKTYPE_ value. */
  readonly linkType: number
}

/** Listens from the moment that it returns. Throws CaptureFailure. */
export function openCapture(binding: PcapBinding, request: CaptureRequest, onPacket: () => void): OpenCapture {
  // Nobody can make all interfaces at once promiscuous; asking for it makes opening `any` fail.
  const promiscuous = request.promiscuous && request.interfaceName !== 'any'
  try {
    return attempt(binding, request, request.filter, promiscuous, onPacket)
  } catch (error) {
    const message = error instanceof Error && error.message !== '' ? error.message : 'libpcap gave no reason'
    const code = classify(message, request.interfaceName)
    if (code !== undefined) throw new CaptureFailure(code, message)
    if (request.filter !== '' && succeeds(binding, request, promiscuous))
      throw new CaptureFailure('bad-filter', message)
    // The rest may be warnings only, which the binding throws too; most often that promiscuous mode is not available.
    if (promiscuous) return openCapture(binding, { ...request, promiscuous: false }, onPacket)
    throw new CaptureFailure('failed', message)
  }
}

function attempt(
  binding: PcapBinding,
  request: CaptureRequest,
  filter: string,
  promiscuous: boolean,
  onPacket: () => void,
): OpenCapture {
  const session = new binding.PcapSession()
  const name = session.open_live(
    request.interfaceName,
    filter,
    request.kernelBufferBytes,
    request.snapshotBytes,
    '',
    onPacket,
    false,
    request.bufferTimeoutMillis,
    // It only ever warns that the interface has no IPv4 address, which is normal for a veth.
    () => {},
    promiscuous,
  )
  return { binding: session, linkType: linkTypeNumber(name) }
}

function succeeds(binding: PcapBinding, request: CaptureRequest, promiscuous: boolean): boolean {
  try {
    attempt(binding, request, '', promiscuous, () => {})
    return true
  } catch {
    return false
  }
}

/** What libpcap's message means; undefined if only another try can tell. */
function classify(message: string, interfaceName: string): CaptureEndCode | undefined {
  if (/not permitted|permission|CAP_NET_RAW/i.test(message)) {
    const present = presentInterfaces()
    // Without permission, libpcap fails before it notices a misspelt name.
    const known = present.length === 0 || present.includes(interfaceName) || LIBPCAP_OWN_NAMES.test(interfaceName)
    return known ? 'permission' : 'no-such-interface'
  }
  if (/no such device/i.test(message)) return 'no-such-interface'
  if (/is not up/i.test(message)) return 'interface-down'
  return undefined
}

const LIBPCAP_OWN_NAMES = /^(any|nflog|nfqueue|bluetooth|usbmon|dbus|dag|can|netmap)/

/** Interfaces of the network namespace that this process is in. */
export function presentInterfaces(): string[] {
  try {
    return readdirSync('/proc/sys/net/ipv4/conf').filter((name) => name !== 'all' && name !== 'default')
  } catch {
    return []
  }
}

// The binding names only a few; the others come as `Unknown linktype N`, where N is libpcap's DLT_ number, which differs
// from the LINKTYPE_ number for the oldest types (https://www.tcpdump.org/linktypes.html).
const LINK_TYPES: Readonly<Record<string, number>> = {
  LINKTYPE_NULL: 0,
  LINKTYPE_ETHERNET: 1,
  LINKTYPE_RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
  LINKTYPE_IEEE802_11_RADIO: 127,
  'Unknown linktype 11': 100,
  'Unknown linktype 13': 102,
  'Unknown linktype 14': 103,
}

/** LINKTYPE_ value for the binding's name of a link type. */
export function linkTypeNumber(name: string): number {
  const number = LINK_TYPES[name] ?? Number(/^Unknown linktype (\d+)$/.exec(name)?.[1] ?? Number.NaN)
  if (Number.isNaN(number)) throw new CaptureFailure('failed', `the pcap package gave an unexpected link type: ${name}`)
  return number
}
