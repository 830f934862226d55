// EtherTypes (IEEE registry) that more than one layer speaks of; all link layers are translated to them.

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_ARP = 0x0806
export const ETHERTYPE_IPV6 = 0x86dd
/** Transparent Ethernet bridging: a whole Ethernet frame follows. */
export const ETHERTYPE_ETHERNET = 0x6558
export const ETHERTYPE_MPLS = 0x8847
/** The network service header (RFC 8300). */
export const ETHERTYPE_NSH = 0x894f
