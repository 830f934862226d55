// The words of a DFXML report (https://github.com/dfxml-working-group), as tcpflow writes it and tools read it.

import { arch, hostname, release, type as systemName, version as systemVersion, userInfo } from 'node:os'
import type { Connection, Direction } from '../../core/connection.ts'
import type { WrittenFile } from '../../core/ports.ts'
import type { Timestamp } from '../../core/timestamp.ts'
import { formatMac, isoSeconds } from '../names/flow-name.ts'

/** Who made the report, when and where. */
export interface RunInformation {
  /** Version of this program. */
  readonly version: string
  readonly nodeVersion: string
  readonly commandLine: readonly string[]
  readonly startTime: Date
  readonly system: {
    readonly name: string
    readonly release: string
    readonly version: string
    readonly host: string
    readonly architecture: string
    readonly userId: number
    readonly userName: string
  }
  /** Read at the end; undefined if unknown. */
  readonly usage: () => ResourceUsage | undefined
}

/** As process.resourceUsage() has it. */
export interface ResourceUsage {
  readonly userCPUTime: number
  readonly systemCPUTime: number
  readonly maxRSS: number
}

/** What can be said about this machine. */
export function thisSystem(): RunInformation['system'] {
  return {
    name: systemName(),
    release: release(),
    version: systemVersion(),
    host: hostname(),
    architecture: arch(),
    ...thisUser(),
  }
}

function thisUser(): { userId: number; userName: string } {
  try {
    const { uid, username } = userInfo()
    return { userId: uid, userName: username }
  } catch {
    // a user id without an entry in the password file, as in containers
    return { userId: -1, userName: '' }
  }
}

/** Everything before the first flow. */
export function reportHead(run: RunInformation): string {
  const { system } = run
  const element = (indent: string, name: string, text: string) => `${indent}<${name}>${escapeXml(text)}</${name}>\n`
  return `<?xml version='1.0' encoding='UTF-8'?>
<dfxml xmloutputversion='1.0'>
  <metadata
  xmlns='http://afflib.org/tcpflow/'
  xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'
  xmlns:dc='http://purl.org/dc/elements/1.1/'>
    <dc:type>Feature Extraction</dc:type>
  </metadata>
  <creator version='1.0'>
    <program>tcpflow</program>
${element('    ', 'version', run.version)}    <build_environment>
${element('      ', 'compiler', `Node.js ${run.nodeVersion}`)}    </build_environment>
    <execution_environment>
${element('      ', 'os_sysname', system.name)}${element('      ', 'os_release', system.release)}${element('      ', 'os_version', system.version)}${element('      ', 'host', system.host)}${element('      ', 'arch', system.architecture)}${element('      ', 'command_line', run.commandLine.join(' '))}${element('      ', 'uid', String(system.userId))}${element('      ', 'username', system.userName)}${element('      ', 'start_time', `${run.startTime.toISOString().slice(0, -5)}Z`)}    </execution_environment>
  </creator>
  <configuration>
`
}

export interface ReportTotals {
  readonly flows: number
  readonly files: number
  readonly unlistedFlows: number
  readonly packets: number
  readonly bytes: number
  readonly missingBytes: number
}

/** Everything after the last flow. */
export function reportTail(totals: ReportTotals, usage: ResourceUsage | undefined, clockSeconds: number): string {
  let tail = `  </configuration>
  <summary />
  <total_flows>${totals.flows}</total_flows>
  <total_files>${totals.files}</total_files>
  <unlisted_flows_without_data>${totals.unlistedFlows}</unlisted_flows_without_data>
  <total_packets>${totals.packets}</total_packets>
  <total_bytes>${totals.bytes}</total_bytes>
  <missing_bytes>${totals.missingBytes}</missing_bytes>
`
  if (usage !== undefined) {
    tail += `  <rusage>
    <utime>${(usage.userCPUTime / 1e6).toFixed(6)}</utime>
    <stime>${(usage.systemCPUTime / 1e6).toFixed(6)}</stime>
    <maxrss>${usage.maxRSS}</maxrss>
    <clocktime>${clockSeconds.toFixed(6)}</clocktime>
  </rusage>
`
  }
  return `${tail}</dfxml>\n`
}

/** The beginning of the element of a flow that has a file; with `merged`, of the two that share it. */
export function fileElementHead(path: string): string {
  return `    <fileobject>\n      <filename>${escapeXml(path)}</filename>\n`
}

/** The rest of it: everything except where the file is. */
export function fileElementTail(file: WrittenFile, merged: boolean, wire: readonly WireBytes[]): string {
  const { connection: c, direction: d } = file
  let element = `      <filesize>${file.sizeBytes}</filesize>\n`
  element += flowElement(c, d, wire[d])
  if (merged && c.streams[d === 0 ? 1 : 0].packets > 0)
    element += flowElement(c, d === 0 ? 1 : 0, wire[d === 0 ? 1 : 0])
  if (file.md5 !== undefined) element += `      <hashdigest type='MD5'>${file.md5}</hashdigest>\n`
  if (file.sha256 !== undefined) element += `      <hashdigest type='SHA256'>${file.sha256}</hashdigest>\n`
  return `${element}${byteRuns(file)}    </fileobject>\n`
}

/** Which parts of a file with holes were written; nothing for a whole file. */
function byteRuns(file: WrittenFile): string {
  const { ranges, sizeBytes } = file
  if (ranges.length === 1 && ranges[0]!.offset === 0 && ranges[0]!.length === sizeBytes) return ''
  let element = '      <byte_runs>\n'
  for (const { offset, length } of ranges) element += `        <byte_run file_offset='${offset}' len='${length}'/>\n`
  return `${element}      </byte_runs>\n`
}

/** A flow without a file. */
export function flowWithoutFileElement(c: Connection, d: Direction, bytes: number, wire: WireBytes): string {
  return `    <fileobject>\n      <filesize>${bytes}</filesize>\n${flowElement(c, d, wire)}    </fileobject>\n`
}

/** Bytes of all packets of a flow, headers included. */
export interface WireBytes {
  readonly length: number
  readonly captured: number
}

/** The order and the spelling (`startime`) of the attributes are tcpflow's; `gaps` and `missing` are ours. */
function flowElement(c: Connection, d: Direction, wire: WireBytes | undefined): string {
  const stream = c.streams[d]
  const source = c.endpoints[d]
  const destination = c.endpoints[d === 0 ? 1 : 0]
  let e = `      <tcpflow startime='${isoMicros(stream.firstPacketTime)}' endtime='${isoMicros(stream.lastPacketTime)}'`
  if (stream.destinationMacHigh >= 0) {
    e += ` mac_daddr='${formatMac(stream.destinationMacHigh, stream.destinationMacLow)}'`
    e += ` mac_saddr='${formatMac(stream.sourceMacHigh, stream.sourceMacLow)}'`
  }
  // AF_INET and AF_INET6, as on Linux everywhere
  e += ` family='${source.family === 4 ? 2 : 10}' src_ipn='${source.address}' dst_ipn='${destination.address}'`
  e += ` srcport='${source.port}' dstport='${destination.port}'`
  if (c.vlanId >= 0) e += ` vlan='${c.vlanId}'`
  e += ` packets='${stream.packets}'`
  if (stream.outOfOrderSegments > 0) e += ` out_of_order_count='${stream.outOfOrderSegments}'`
  if (stream.gaps > 0) e += ` gaps='${stream.gaps}' missing='${stream.missingBytes}'`
  if (wire !== undefined && wire.length > 0) {
    e += ` len='${wire.length}'`
    if (wire.captured !== wire.length) e += ` caplen='${wire.captured}'`
  }
  return `${e} />\n`
}

let lastSecond = Number.NaN
let lastSecondText = ''

/** `2012-12-01T02:27:50.172701Z`; many flows share a second. */
function isoMicros(t: Timestamp): string {
  if (t.seconds !== lastSecond) {
    lastSecond = t.seconds
    lastSecondText = isoSeconds(t.seconds).replace(/Z$/, '')
  }
  return `${lastSecondText}.${String(Math.floor(t.nanos / 1000)).padStart(6, '0')}Z`
}

const SPECIAL: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
}

/** Text for an element or attribute; what XML 1.0 cannot hold at all becomes U+FFFD (lone surrogates when encoded). */
export function escapeXml(text: string): string {
  if (!/[^ !#-%(-;=?-~]/.test(text)) return text
  return text
    .replace(/[&<>'"]/g, (character) => SPECIAL[character]!)
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
}
