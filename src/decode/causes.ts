// The layers in which decoding a packet can fail, and their names in the closing summary.

import {
  DECODE_ENCRYPTED,
  DECODE_MALFORMED,
  DECODE_OTHER,
  DECODE_TRUNCATED,
  DECODE_UNSUPPORTED_LINK_TYPE,
} from './status.ts'

export const LAYER_LINK_TYPE = 0
export const LAYER_ETHERNET = 1
export const LAYER_ETHERTYPE = 2
export const LAYER_VLAN = 3
export const LAYER_LLC = 4
export const LAYER_SNAP = 5
export const LAYER_LINUX_COOKED = 6
export const LAYER_RAW_IP = 7
export const LAYER_ADDRESS_FAMILY = 8
export const LAYER_PPP = 9
export const LAYER_C_HDLC = 10
export const LAYER_PPPOE = 11
export const LAYER_MPLS = 12
export const LAYER_NFLOG = 13
export const LAYER_IEEE80211 = 14
export const LAYER_RADIOTAP = 15
export const LAYER_ARP = 16
export const LAYER_IPV4 = 17
export const LAYER_IPV6 = 18
export const LAYER_IPV6_EXTENSION = 19
export const LAYER_FRAGMENT = 20
export const LAYER_IP_PROTOCOL = 21
export const LAYER_TCP = 22
export const LAYER_UDP = 23
export const LAYER_ICMP = 24
export const LAYER_ICMPV6 = 25
export const LAYER_GRE = 26
export const LAYER_ERSPAN = 27
export const LAYER_TUNNEL_NESTING = 28
export const LAYER_SERVICE_TAG = 29
export const LAYER_IEEE80211_FRAGMENT = 30
export const LAYER_NSH = 31

/** Indexed by LAYER_…; how messages call it. */
const LAYER_NAMES: readonly string[] = [
  'link type',
  'Ethernet header',
  'EtherType',
  'VLAN tag',
  'LLC protocol',
  'SNAP protocol',
  'Linux cooked header',
  'IP version',
  'address family',
  'PPP protocol',
  'C-HDLC header',
  'PPPoE header',
  'MPLS label stack',
  'NFLOG header',
  '802.11 frame',
  'radiotap header',
  'ARP message',
  'IPv4 header',
  'IPv6 header',
  'IPv6 extension header',
  'IP fragment',
  'IP protocol',
  'TCP header',
  'UDP header',
  'ICMP message',
  'ICMPv6 message',
  'GRE protocol',
  'ERSPAN header',
  'nesting of tunnels',
  'I-TAG',
  '802.11 fragment',
  'service header protocol',
]

/** Layers whose value is customarily written in hexadecimal. */
const HEXADECIMAL = new Set([LAYER_ETHERTYPE, LAYER_LLC, LAYER_SNAP, LAYER_PPP, LAYER_GRE])

const ETHERTYPE_NAMES: Readonly<Record<number, string>> = {
  2114: 'Wake-on-LAN',
  32821: 'RARP',
  33079: 'IPX',
  34824: 'Ethernet flow control',
  34825: 'LACP',
  34915: 'PPPoE discovery',
  34958: 'EAPOL',
  35020: 'LLDP',
  35063: 'PTP',
  35074: 'Ethernet OAM',
  36864: 'Ethernet loopback test',
}

const LLC_NAMES: Readonly<Record<number, string>> = {
  66: 'spanning tree',
  224: 'IPX',
  240: 'NetBIOS',
  254: 'OSI (IS-IS)',
  255: 'IPX',
}

const SNAP_NAMES: Readonly<Record<number, string>> = {
  260: 'spanning tree',
  267: 'spanning tree',
  273: 'UDLD',
  8192: 'CDP',
  8195: 'VTP',
  8196: 'DTP',
}

const IP_PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  0: 'hop-by-hop options',
  2: 'IGMP',
  4: 'IP-in-IP',
  33: 'DCCP',
  41: '6in4',
  46: 'RSVP',
  47: 'GRE',
  50: 'ESP',
  59: 'no next header',
  88: 'EIGRP',
  89: 'OSPF',
  97: 'EtherIP',
  103: 'PIM',
  112: 'VRRP',
  115: 'L2TP',
  132: 'SCTP',
  136: 'UDP-Lite',
  137: 'MPLS-in-IP',
}

const ICMP_NAMES: Readonly<Record<number, string>> = {
  0: 'ICMP echo',
  4: 'ICMP source quench',
  5: 'ICMP redirect',
  8: 'ICMP echo',
  9: 'ICMP router discovery',
  10: 'ICMP router discovery',
  13: 'ICMP timestamp',
  14: 'ICMP timestamp',
}

const ICMPV6_NAMES: Readonly<Record<number, string>> = {
  128: 'ICMPv6 echo',
  129: 'ICMPv6 echo',
  130: 'ICMPv6 multicast listener',
  131: 'ICMPv6 multicast listener',
  132: 'ICMPv6 multicast listener',
  133: 'ICMPv6 neighbour discovery',
  134: 'ICMPv6 neighbour discovery',
  135: 'ICMPv6 neighbour discovery',
  136: 'ICMPv6 neighbour discovery',
  137: 'ICMPv6 redirect',
  143: 'ICMPv6 multicast listener',
}

const KNOWN_VALUES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [LAYER_ETHERTYPE]: ETHERTYPE_NAMES,
  [LAYER_LLC]: LLC_NAMES,
  [LAYER_SNAP]: SNAP_NAMES,
  [LAYER_IP_PROTOCOL]: IP_PROTOCOL_NAMES,
  [LAYER_ICMP]: ICMP_NAMES,
  [LAYER_ICMPV6]: ICMPV6_NAMES,
  [LAYER_IEEE80211]: { 0: '802.11 management', 1: '802.11 control', 2: '802.11 data without payload' },
  [LAYER_PPP]: { 0: 'PPP control' },
  [LAYER_GRE]: { 0: 'GRE keep-alive', 8193: 'NHRP', 34827: 'PPTP acknowledgement' },
  [LAYER_MPLS]: { 0: 'MPLS associated channel' },
}

/** True for EtherTypes that belong to a healthy network without carrying IP. */
export function isOrdinaryEtherType(etherType: number): boolean {
  return ETHERTYPE_NAMES[etherType] !== undefined
}

/** True for SNAP protocols of Cisco's that belong to a healthy network. */
export function isOrdinarySnapProtocol(protocol: number): boolean {
  return SNAP_NAMES[protocol] !== undefined
}

/** One cause in words. `value` undefined: several causes counted together. */
export function nameOf(status: number, layer: number, value: number | undefined): string {
  const layerName = LAYER_NAMES[layer] ?? `layer ${layer}`
  if (status === DECODE_TRUNCATED) return `truncated ${layerName}`
  if (status === DECODE_MALFORMED) return `malformed ${layerName}`
  const known = value === undefined ? undefined : KNOWN_VALUES[layer]?.[value]
  const written = value === undefined ? 'various' : HEXADECIMAL.has(layer) ? hexadecimal(value) : `${value}`
  if (status === DECODE_OTHER) return known ?? `${layerName} ${written}`
  if (status === DECODE_ENCRYPTED) return `encrypted ${known ?? layerName}`
  if (status === DECODE_UNSUPPORTED_LINK_TYPE) return `unsupported link type ${written}`
  return `unsupported ${layerName} ${written}${known === undefined ? '' : ` (${known})`}`
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}
