// Lists the network interfaces, from Linux's sysfs and procfs: for `--list`, the default choice and "did you mean".

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { editDistance } from '../core/edit-distance.ts'
import { interfaceAddresses } from './interface-addresses.ts'

export interface NetworkInterface {
  readonly name: string
  /** `up`, `down`, or `no carrier` (a bridge that nothing is plugged into). */
  readonly state: string
  /** `bridge`, `veth`, `loopback`, `vlan`, `tun` … or `ethernet`. */
  readonly kind: string
  /** The bridge or bond that it belongs to; '' for none. */
  readonly master: string
  /** With prefix length: `172.17.0.1/16`. */
  readonly addresses: readonly string[]
}

const DEFAULT_INTERFACE = 'docker0'
const SYSFS = '/sys/class/net'

/** Every interface of this network namespace, by name; also those that are down or have no address. */
export function listInterfaces(): NetworkInterface[] {
  const addresses = interfaceAddresses()
  return interfaceNames().map((name) => {
    const folder = `${SYSFS}/${name}`
    return {
      name,
      state: stateOf(folder),
      kind: kindOf(folder),
      master: linkName(`${folder}/master`),
      addresses: addresses.get(name) ?? [],
    }
  })
}

/** Names only, sorted. Where there is no sysfs (macOS), those with an address. */
export function interfaceNames(): string[] {
  try {
    return readdirSync(SYSFS)
      .filter((name) => existsSync(`${SYSFS}/${name}/ifindex`))
      .sort()
  } catch {
    return Object.keys(networkInterfaces()).sort()
  }
}

/** docker0 where it exists, else `any`. */
export function defaultInterface(names: readonly string[] = interfaceNames()): string {
  return names.includes(DEFAULT_INTERFACE) ? DEFAULT_INTERFACE : 'any'
}

/** `--list`: one line each, `any` last, ends with a newline. The default one has a star. */
export function formatInterfaces(interfaces: readonly NetworkInterface[]): string {
  const chosen = defaultInterface(interfaces.map((i) => i.name))
  const rows = [['', 'NAME', 'STATE', 'KIND', 'ADDRESSES']]
  for (const { name, state, kind, master, addresses } of interfaces) {
    const mark = name === chosen ? '*' : ''
    rows.push([mark, name, state, master === '' ? kind : `${kind} on ${master}`, addresses.join(' ')])
  }
  rows.push([chosen === 'any' ? '*' : '', 'any', '', 'all of them at once', ''])
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n* what is captured without -i\n`
}

/** `names`, those written most like `wanted` first. */
export function closestNames(wanted: string, names: readonly string[]): string[] {
  const distances = new Map(names.map((name) => [name, editDistance(wanted.toLowerCase(), name.toLowerCase())]))
  return [...names].sort((a, b) => distances.get(a)! - distances.get(b)! || (a < b ? -1 : 1))
}

const FLAG_UP = 0x1
const FLAG_LOOPBACK = 0x8

function stateOf(folder: string): string {
  const flags = Number(readLine(`${folder}/flags`))
  if ((flags & FLAG_UP) === 0) return 'down'
  // `operstate` is `unknown` for loopback and tunnels, which have no carrier to watch.
  const operational = readLine(`${folder}/operstate`)
  return operational === 'up' || operational === 'unknown' ? 'up' : 'no carrier'
}

const HARDWARE_ETHERNET = 1

function kindOf(folder: string): string {
  if ((Number(readLine(`${folder}/flags`)) & FLAG_LOOPBACK) !== 0) return 'loopback'
  // DEVTYPE=bridge, vlan, vxlan, bond, wlan, wireguard …
  const deviceType = /^DEVTYPE=(.+)$/m.exec(readText(`${folder}/uevent`))?.[1]
  if (deviceType !== undefined) return deviceType
  if (existsSync(`${folder}/tun_flags`)) return 'tun'
  if (existsSync(`${folder}/device`)) return 'ethernet'
  if (Number(readLine(`${folder}/type`)) !== HARDWARE_ETHERNET) return 'tunnel'
  // A veth does not lie on its other end, so that is not shown; macvlan and the like show the interface that they lie on.
  const other = readLine(`${folder}/iflink`) !== readLine(`${folder}/ifindex`)
  if (!other) return 'virtual'
  return readdirSync(folder).some((entry) => entry.startsWith('lower_')) ? 'macvlan' : 'veth'
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function readLine(path: string): string {
  return readText(path).trim()
}

function linkName(path: string): string {
  try {
    return readlinkSync(path).split('/').at(-1) ?? ''
  } catch {
    return ''
  }
}
