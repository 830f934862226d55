// The result of decoding a packet: the values that Decoder.decode returns.

/** A handler got a segment, a datagram, an ICMP error or an ARP message. */
export const DECODE_OK = 0
/** Normal traffic that nobody here looks at: ICMP echo, IGMP, spanning tree, LLDP … */
export const DECODE_OTHER = 1
/** A fragment, kept until the rest of its datagram has come; or one more copy of a fragment. */
export const DECODE_FRAGMENT = 2
/** The snapshot length cut a header short. */
export const DECODE_TRUNCATED = 3
/** A header contradicts itself or the packet's length. */
export const DECODE_MALFORMED = 4
/** ESP, protected 802.11 frames and the like. */
export const DECODE_ENCRYPTED = 5
/** A protocol that we do not know. */
export const DECODE_UNSUPPORTED = 6
/** Nothing of this interface can be decoded: see linkTypeName and describeLinkType. */
export const DECODE_UNSUPPORTED_LINK_TYPE = 7

/** Between layers only, never returned by Decoder: this header is off, the frame's next protocol is set, go on. */
export const NEXT = -1
