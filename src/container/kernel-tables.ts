// The kernel's tables of routes and sockets, proc(5): /proc/net/route and /proc/PID/net/tcp.

import { existsSync } from 'node:fs'
import { formatAddress } from '../core/endpoint.ts'
import { readText } from '../core/kernel-files.ts'

const LISTENING = '0A'
const UDP_UNCONNECTED = '07'

/**
 * The ports on which any of these processes listens, in order. `proc` is /proc. They share a network namespace, and hold the
 * sockets with these inodes.
 */
export function listeningPorts(proc: string, pids: readonly number[], sockets: ReadonlySet<string>): number[] {
  const ports = new Set<number>()
  const first = pids.find((pid) => existsSync(`${proc}/${pid}/net/tcp`))
  if (first === undefined || sockets.size === 0) return []
  for (const [table, state] of [
    ['tcp', LISTENING],
    ['tcp6', LISTENING],
    ['udp', UDP_UNCONNECTED],
    ['udp6', UDP_UNCONNECTED],
  ] as const) {
    for (const line of readText(`${proc}/${first}/net/${table}`).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] !== state || !sockets.has(fields[9] ?? '')) continue
      const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)
      if (port > 0) ports.add(port)
    }
  }
  return [...ports].sort((a, b) => a - b)
}

/** A listening TCP socket of a kernel table. */
export interface TableSocket {
  readonly address: string
  readonly port: number
  readonly inode: string
}

/** Those of /proc/net/tcp or tcp6, in the table's order. Its addresses are words in the byte order of the machine (little). */
export function listeningSockets(table: string): TableSocket[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const [hex = '', portHex = ''] = local.split(':')
    const port = Number.parseInt(portHex, 16)
    if (state !== LISTENING || !/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex) || !(port > 0)) return []
    const words = hex.match(/.{8}/g)!.map(swapped)
    const [a = 0, b = 0, c = 0, d = 0] = words
    const address = words.length === 1 ? formatAddress(4, 0, 0, 0, a) : formatAddress(6, a, b, c, d)
    return [{ address, port, inode }]
  })
}

/** A route of the kernel's table (/proc/net/route: little-endian hexadecimal) leads to this subnet by this interface. */
export function hasRoute(routes: string, bridge: string, subnet: string): boolean {
  const [address, prefix] = subnet.split('/')
  const bytes = (address ?? '').split('.').map(Number)
  if (bytes.length !== 4 || bytes.some((b) => !(b >= 0 && b <= 255))) return false
  const length = Number(prefix)
  const mask = length === 0 ? 0 : (-1 << (32 - length)) >>> 0
  const wanted = (((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) & mask) >>> 0
  return routes.split('\n').some((line) => {
    const [name, destination, , , , , , routeMask] = line.trim().split(/\s+/)
    if (name !== bridge || destination === undefined || routeMask === undefined) return false
    return swapped(destination) === wanted && swapped(routeMask) === mask
  })
}

function swapped(hex: string): number {
  return Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE(0)
}
