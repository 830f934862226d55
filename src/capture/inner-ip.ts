// Finds the IP packet in a tunnel of any kind by what an IP header looks like. Used for hints only; decode/ decides what is
// really unwrapped.

/** No tunnel's own headers are longer, an Ethernet header and tags among them. */
const MOST_HEADER_BYTES = 96
const SMALLEST_IPV4_BYTES = 20
const IPV6_BYTES = 40
/** How far an Ethernet frame is padded. */
const MOST_PADDING_BYTES = 46

const UDP = 17
const GRE = 47

const IP_TUNNELS: Readonly<Record<number, string>> = {
  4: 'IP in IP',
  41: '6in4',
  [GRE]: 'GRE',
  97: 'EtherIP',
  137: 'MPLS in IP',
}

const UDP_TUNNELS: Readonly<Record<number, string>> = {
  2152: 'GTP-U',
  4754: 'GRE in UDP',
  4789: 'VXLAN',
  4790: 'VXLAN-GPE',
  6081: 'GENEVE',
  6635: 'MPLS in UDP',
  8472: 'VXLAN',
  37008: 'TZSP',
}

/** A kind of tunnel: its name for people and its filter. */
export interface TunnelSign {
  readonly name: string
  /** `udp port 4789` */
  readonly test: string
}

/** Where the transport header of the IP packet at `ip` lies: behind the header, extension headers not looked at. */
export function transportAt(buf: Buffer, ip: number): number {
  return buf[ip]! >>> 4 === 6 ? ip + IPV6_BYTES : ip + ((buf[ip]! & 15) << 2)
}

/** Whether the packet at `ip`, whose bytes go on to `end`, may be a tunnel's. */
export function tunnelSign(buf: Buffer, ip: number, end: number): TunnelSign | undefined {
  const six = buf[ip]! >>> 4 === 6
  const protocol = buf[six ? ip + 6 : ip + 9]!
  const name = IP_TUNNELS[protocol]
  if (name !== undefined) return { name, test: `${six ? 'ip6' : 'ip'} proto ${protocol}` }
  const at = transportAt(buf, ip)
  if (protocol !== UDP || at + 8 > end) return undefined
  return udpSign((buf[at + 2]! << 8) | buf[at + 3]!) ?? udpSign((buf[at]! << 8) | buf[at + 1]!)
}

function udpSign(port: number): TunnelSign | undefined {
  const name = UDP_TUNNELS[port]
  return name === undefined ? undefined : { name, test: `udp port ${port}` }
}

/** Where an IP packet begins at or behind `from`; -1 for nowhere near. The packet around it ends at `end`. */
export function findInnerIp(buf: Buffer, from: number, end: number): number {
  const last = Math.min(from + MOST_HEADER_BYTES, end - SMALLEST_IPV4_BYTES)
  for (let at = from; at <= last; at++) if (isIpv4Header(buf, at, end) || isIpv6Header(buf, at, end)) return at
  return -1
}

/** Its checksum (RFC 1071) fits. */
function isIpv4Header(buf: Buffer, at: number, end: number): boolean {
  const first = buf[at]!
  const headerEnd = at + ((first & 15) << 2)
  if (first < 0x45 || first > 0x4f || headerEnd > end) return false
  let sum = 0
  for (let i = at; i < headerEnd; i += 2) sum += (buf[i]! << 8) | buf[i + 1]!
  return (sum & 0xffff) + (sum >>> 16) === 0xffff
}

/** Whether its length reaches to the end and its protocol is a common one. */
function isIpv6Header(buf: Buffer, at: number, end: number): boolean {
  if (buf[at]! >>> 4 !== 6 || at + IPV6_BYTES > end) return false
  const rest = end - at - IPV6_BYTES - ((buf[at + 4]! << 8) | buf[at + 5]!)
  const next = buf[at + 6]!
  const common = next === 6 || next === UDP || next === 58 || next === 0 || next === 43 || next === 44 || next === 60
  return common && rest >= 0 && rest <= MOST_PADDING_BYTES
}
