// What to say if a file is not a capture.

import { OperatorError } from '../core/errors.ts'
import { PCAPNG_THROUGH_TERMINAL, THROUGH_TERMINAL, THROUGH_TERMINAL_HINT } from './terminal-damage.ts'

/** First bytes of files that people mistake for captures, as latin1 text, with what the file is and what to do. */
const KNOWN: readonly (readonly [magic: string, what: string, hint: string])[] = [
  ['\x1f\x8b', 'it holds gzip data inside', 'it was compressed twice: gunzip it once more'],
  ['\x28\xb5\x2f\xfd', 'it holds zstd data inside', 'it was compressed twice: unpack it once more'],
  ['\xfd7zXZ', 'it holds xz data inside', 'it was compressed twice: unpack it once more'],
  ['BZh', 'it holds bzip2 data inside', 'it was compressed twice: unpack it once more'],
  [PCAPNG_THROUGH_TERMINAL, THROUGH_TERMINAL, THROUGH_TERMINAL_HINT],
  ['PK\x03\x04', 'it is a zip archive', 'unpack it first'],
  ['snoop\0\0\0', 'it is a Solaris snoop file', 'editcap of Wireshark converts it'],
  ['btsnoop\0', 'it is a Bluetooth snoop file', 'editcap of Wireshark converts it'],
  ['GMBU', 'it is a Microsoft Network Monitor file', 'editcap of Wireshark converts it'],
  ['RTSS', 'it is a Microsoft Network Monitor file', 'editcap of Wireshark converts it'],
  ['TRSNIFF data', 'it is a Sniffer file', 'editcap of Wireshark converts it'],
  ['XCP\0', 'it is a NetXRay file', 'editcap of Wireshark converts it'],
]

/** The error for a savefile that begins with `buf[start..end)` (all of it when shorter than 4 bytes). */
export function notACapture(name: string, buf: Buffer, start: number, end: number): OperatorError {
  const called = name === '-' ? 'standard input' : name
  if (start === end) {
    return new OperatorError(
      `${called} is empty`,
      'a capture begins with a file header: did the program that wrote it fail?',
    )
  }
  const head = buf.toString('latin1', start, Math.min(end, start + 64))
  const known = KNOWN.find(([magic]) => head.startsWith(magic))
  if (known !== undefined) return new OperatorError(`${called} is no capture: ${known[1]}`, known[2])
  if (end - start < 4) return new OperatorError(`${called} is no capture: it has only ${end - start} bytes`)
  if (/^[\t\r\n\x20-\x7e]+$/.test(head)) {
    return new OperatorError(
      `${called} is no capture: it looks like text`,
      'pcap and pcapng files are binary: write them with tcpdump -w',
    )
  }
  const first = buf.toString('hex', start, start + 4)
  return new OperatorError(`${called} is no capture: it begins with ${first}`, 'pcap and pcapng files can be read')
}
