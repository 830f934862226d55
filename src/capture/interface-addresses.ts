// Addresses of the network interfaces. Node leaves out those without a carrier, such as docker0 while no container runs,
// so they are looked up in procfs (proc(5): if_inet6, route, fib_trie).

import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { formatAddress } from '../core/endpoint.ts'

/** Interface name → its addresses with prefix length, IPv4 first. */
export function interfaceAddresses(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const cidrs = (addresses ?? []).map(({ cidr, address }) => cidr ?? address)
    found.set(name, cidrs)
  }
  const ipv4 = quietIpv4Addresses(readText('/proc/net/route'), readText('/proc/net/fib_trie'))
  const ipv6 = ipv6Addresses(readText('/proc/net/if_inet6'))
  for (const name of new Set([...ipv4.keys(), ...ipv6.keys()])) {
    if (!found.has(name)) found.set(name, [...(ipv4.get(name) ?? []), ...(ipv6.get(name) ?? [])])
  }
  return found
}

/** From the text of /proc/net/if_inet6: `address index prefix-length scope flags name`, all but the name in hexadecimal. */
export function ipv6Addresses(table: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of table.split('\n')) {
    const [address = '', , prefixLength = '', , , name = ''] = line.trim().split(/\s+/)
    if (!/^[0-9a-f]{32}$/.test(address)) continue
    const words = [0, 8, 16, 24].map((at) => Number.parseInt(address.slice(at, at + 8), 16) | 0)
    const text = formatAddress(6, words[0]!, words[1]!, words[2]!, words[3]!)
    const list = found.get(name) ?? []
    list.push(`${text}/${Number.parseInt(prefixLength, 16)}`)
    found.set(name, list)
  }
  return found
}

/**
 * From the texts of /proc/net/route and /proc/net/fib_trie. Neither has both names and addresses: the address of an
 * interface is the machine's own one that lies in the network which the interface is directly connected to.
 */
export function quietIpv4Addresses(routes: string, localTable: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const local = localAddresses(localTable)
  for (const line of routes.split('\n').slice(1)) {
    const [name = '', destination = '', gateway = '', , , , , mask = ''] = line.split('\t').map((field) => field.trim())
    const maskWord = hostOrder(mask)
    if (name === '' || hostOrder(gateway) !== 0 || maskWord === 0) continue
    const prefixLength = 32 - Math.log2(2 ** 32 - (maskWord >>> 0))
    for (const address of local) {
      if ((address & maskWord) !== hostOrder(destination)) continue
      const list = found.get(name) ?? []
      list.push(`${formatAddress(4, 0, 0, 0, address)}/${prefixLength}`)
      found.set(name, list)
    }
  }
  return found
}

/** Words of the entries `|-- 172.17.0.1` that are followed by `/32 host LOCAL`. */
function localAddresses(trie: string): Set<number> {
  const found = new Set<number>()
  for (const [, address] of trie.matchAll(/\|-- ([0-9.]+)\n\s*\/32 host LOCAL/g)) {
    found.add(address!.split('.').reduce((word, part) => (word << 8) | Number(part), 0))
  }
  return found
}

/** /proc/net/route shows words in the machine's order, on every machine that Node runs on the least byte first. */
function hostOrder(hex: string): number {
  const word = Number.parseInt(hex, 16)
  return ((word & 255) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
