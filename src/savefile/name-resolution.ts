// Name Resolution Blocks: addresses and what they are called (draft-ietf-opsawg-pcapng, 4.5). A block's body is a row of
// records, each a type, a length, an address in network byte order and one or more names that end with a NUL.

import { isIPv6 } from 'node:net'
import type { NamedAddress } from '../core/ports.ts'
import { type HostFacts, hostInComment, MAXIMUM_HOST_COMMENT_CHARACTERS } from './host-comment.ts'
import { NAME_RECORD_END, NAME_RECORD_IPV4, NAME_RECORD_IPV6, OPTION_COMMENT, OPTION_END } from './pcapng-blocks.ts'
import type { SavefileNames } from './savefile-names.ts'

/** Larger blocks are skipped. A packet's block may be larger, but names can be split over any number of blocks. */
export const MAXIMUM_NAME_BLOCK_BYTES = 4 * 1024 * 1024
/** Most bytes of a name, without its NUL. */
const MAXIMUM_NAME_BYTES = 255
const RECORD_HEAD_BYTES = 4
const IPV4_BYTES = 4
const IPV6_BYTES = 16
/** Most bytes that `putRecord` writes. */
export const MAXIMUM_RECORD_BYTES = RECORD_HEAD_BYTES + IPV6_BYTES + MAXIMUM_NAME_BYTES + 1

/**
 * Teaches `names` the names in the body `buf[start..end)`: the first name of each address, and what our comment says
 * about the addresses. Stops at the first malformed record.
 */
export function readNames(buf: Buffer, start: number, end: number, littleEndian: boolean, names: SavefileNames): void {
  const u16 = (at: number): number => (littleEndian ? buf.readUInt16LE(at) : buf.readUInt16BE(at))
  const facts = factsBehind(buf, start, end, u16)
  for (let at = start; at + RECORD_HEAD_BYTES <= end; ) {
    const type = u16(at)
    const length = u16(at + 2)
    const value = at + RECORD_HEAD_BYTES
    if (type === NAME_RECORD_END || value + length > end) return
    const addressBytes = type === NAME_RECORD_IPV4 ? IPV4_BYTES : type === NAME_RECORD_IPV6 ? IPV6_BYTES : 0
    if (addressBytes > 0 && length > addressBytes) {
      const name = firstName(buf, value + addressBytes, value + length)
      const word = (i: number) => buf.readInt32BE(value + 4 * i)
      if (name === '') {
        // it says nothing
      } else if (type === NAME_RECORD_IPV4) names.learn(4, 0, 0, 0, word(0), name, facts)
      else names.learn(6, word(0), word(1), word(2), word(3), name, facts)
    }
    at = value + ((length + 3) & ~3)
  }
}

/** The block's comment comes after its records, and applies to all its addresses. */
function factsBehind(buf: Buffer, start: number, end: number, u16: (at: number) => number): HostFacts | undefined {
  let inOptions = false
  for (let at = start; at + RECORD_HEAD_BYTES <= end; ) {
    const type = u16(at)
    const length = u16(at + 2)
    const value = at + RECORD_HEAD_BYTES
    if (value + length > end) return undefined
    if (inOptions && type === OPTION_END) return undefined
    if (inOptions && type === OPTION_COMMENT && length <= 4 * MAXIMUM_HOST_COMMENT_CHARACTERS) {
      const facts = hostInComment(buf.toString('utf8', value, value + length))
      if (facts !== undefined) return facts
    }
    if (type === NAME_RECORD_END) inOptions = true
    at = value + ((length + 3) & ~3)
  }
  return undefined
}

function firstName(buf: Buffer, start: number, end: number): string {
  const names = buf.subarray(start, end)
  const nul = names.indexOf(0)
  return cutText(nul < 0 ? names : names.subarray(0, nul)).toString('utf8')
}

/**
 * Writes the record for an address and its name into `into` from `at` on, and returns where it ends. Returns `at` if
 * the address is not valid or there is no name. A name is cut at a NUL and after 255 bytes.
 */
export function putRecord(entry: NamedAddress, into: Buffer, at: number): number {
  const name = nameBytes(entry.name)
  const address = addressBytes(entry)
  if (address === undefined || name.length === 0) return at
  const names = withAliases(name, entry.aliases ?? [])
  const length = address.length + names.length + 1
  const end = at + RECORD_HEAD_BYTES + ((length + 3) & ~3)
  into.writeUInt16LE(entry.family === 4 ? NAME_RECORD_IPV4 : NAME_RECORD_IPV6, at)
  into.writeUInt16LE(length, at + 2)
  into.fill(0, at + RECORD_HEAD_BYTES, end)
  into.set(address, at + RECORD_HEAD_BYTES)
  into.set(names, at + RECORD_HEAD_BYTES + address.length)
  return end
}

function nameBytes(name: string): Buffer {
  return cutText(Buffer.from(name.split('\0', 1)[0]!, 'utf8'))
}

/** The name, then as many of its other names as there is room for, each after a NUL. */
function withAliases(name: Buffer, aliases: readonly string[]): Buffer {
  let names = name
  for (const alias of aliases) {
    const bytes = nameBytes(alias)
    if (bytes.length === 0 || names.length + 1 + bytes.length > MAXIMUM_NAME_BYTES) continue
    names = Buffer.concat([names, Buffer.of(0), bytes])
  }
  return names
}

/** How many bytes of a name are kept: whole characters. */
function cutText(utf8: Buffer): Buffer {
  if (utf8.length <= MAXIMUM_NAME_BYTES) return utf8
  let end = MAXIMUM_NAME_BYTES
  while (end > 0 && (utf8[end]! & 0xc0) === 0x80) end--
  return utf8.subarray(0, end)
}

function addressBytes({ family, address }: NamedAddress): Uint8Array | undefined {
  if (family === 6) return isIPv6(address) && !address.includes('%') ? ipv6Bytes(address) : undefined
  return ipv4Bytes(address)
}

function ipv4Bytes(address: string): Uint8Array | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number)
  return parts?.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined
}

/** For a valid address without a zone; the last two groups may be written as IPv4. */
function ipv6Bytes(address: string): Uint8Array {
  const [head = '', tail] = address.split('::')
  const front = groupsOf(head)
  const back = groupsOf(tail ?? '')
  const zeros = new Array<number>(8 - front.length - back.length).fill(0)
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((group) => [group >>> 8, group & 0xff]))
}

function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => {
    const four = ipv4Bytes(part)
    return four === undefined ? [Number.parseInt(part, 16)] : [(four[0]! << 8) | four[1]!, (four[2]! << 8) | four[3]!]
  })
}
