// The registry of link types (https://www.tcpdump.org/linktypes.html). A new one is a file in links/ and a line here.

import type { LinkType } from './link-type.ts'
import { ciscoHdlc } from './links/c-hdlc.ts'
import { ethernet } from './links/ethernet.ts'
import { ieee80211 } from './links/ieee80211.ts'
import { linuxCooked, linuxCooked2 } from './links/linux-cooked.ts'
import { nflog } from './links/nflog.ts'
import { bsdLoop, bsdNull } from './links/null-loop.ts'
import { ppp, pppEther, pppSerial, pppWithDirection } from './links/ppp.ts'
import { avs, prism, radiotap } from './links/radiotap.ts'
import { rawIp, rawIpv4, rawIpv6 } from './links/raw-ip.ts'

/** Every link type that can be decoded. */
export const linkTypes: readonly LinkType[] = [
  ethernet,
  linuxCooked,
  linuxCooked2,
  ...rawIp,
  rawIpv4,
  rawIpv6,
  bsdNull,
  bsdLoop,
  ppp,
  pppSerial,
  pppEther,
  pppWithDirection,
  ciscoHdlc,
  nflog,
  ieee80211,
  radiotap,
  prism,
  avs,
]

const byNumber = new Map(linkTypes.map((linkType) => [linkType.number, linkType]))

/** Link types that exist but carry nothing for us, so that the message about them can say what they are. */
const UNSUPPORTED_NAMES: Readonly<Record<number, string>> = {
  3: 'AX25',
  6: 'IEEE802',
  7: 'ARCNET',
  8: 'SLIP',
  10: 'FDDI',
  100: 'ATM_RFC1483',
  107: 'FRELAY',
  114: 'LTALK',
  117: 'PFLOG',
  122: 'IP_OVER_FC',
  123: 'SUNATM',
  129: 'ARCNET_LINUX',
  138: 'APPLE_IP_OVER_IEEE1394',
  140: 'MTP2',
  141: 'MTP3',
  143: 'DOCSIS',
  144: 'LINUX_IRDA',
  165: 'BACNET_MS_TP',
  166: 'PPP_PPPD',
  187: 'BLUETOOTH_HCI_H4',
  189: 'USB_LINUX',
  192: 'PPI',
  195: 'IEEE802_15_4',
  201: 'BLUETOOTH_HCI_H4_WITH_PHDR',
  220: 'USB_LINUX_MMAPPED',
  224: 'FC_2',
  226: 'IPNET',
  227: 'CAN_SOCKETCAN',
  230: 'IEEE802_15_4_NOFCS',
  231: 'DBUS',
  242: 'IPOIB',
  247: 'INFINIBAND',
  249: 'USBPCAP',
  251: 'BLUETOOTH_LE_LL',
  252: 'WIRESHARK_UPPER_PDU',
  253: 'NETLINK',
  254: 'BLUETOOTH_LINUX_MONITOR',
  256: 'BLUETOOTH_LE_LL_WITH_PHDR',
  258: 'PKTAP',
  283: 'IEEE802_15_4_TAP',
}

/** The link type of that number, or undefined when it cannot be decoded. */
export function findLinkType(linkType: number): LinkType | undefined {
  return byNumber.get(linkType)
}

/** libpcap's name of a link type that can be decoded; undefined for all others. */
export function linkTypeName(linkType: number): string | undefined {
  return byNumber.get(linkType)?.name
}

/** For messages, supported or not: `1 (EN10MB)`, `147 (USER0)`, `999`. */
export function describeLinkType(linkType: number): string {
  const userDefined = linkType >= 147 && linkType <= 162 ? `USER${linkType - 147}` : undefined
  const name = linkTypeName(linkType) ?? UNSUPPORTED_NAMES[linkType] ?? userDefined
  return name === undefined ? `${linkType}` : `${linkType} (${name})`
}
