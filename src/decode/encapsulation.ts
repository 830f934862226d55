// The layers between the link header and IP: takes off the header that an EtherType names.

import * as layers from './causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_MPLS, ETHERTYPE_NSH } from './ether-types.ts'
import type { Frame } from './frame.ts'
import { parseEthernet } from './links/ethernet.ts'
import { parseLlc } from './llc.ts'
import { parseMpls } from './mpls.ts'
import { parseNsh } from './nsh.ts'
import { parsePppoeSession } from './pppoe.ts'
import { parseServiceTag, parseVlanTag } from './vlan.ts'

/** Takes off the header that `frame.etherType` names; for all but IP and ARP. */
export function parseEncapsulation(frame: Frame): number {
  switch (frame.etherType) {
    case 0x8100: // 802.1Q
    case 0x88a8: // 802.1ad
    case 0x9100: // QinQ before it was standardised
    case 0x9200:
    case 0x9300:
      return parseVlanTag(frame)
    case 0x88e7:
      return parseServiceTag(frame)
    case ETHERTYPE_MPLS:
    case 0x8848:
      return parseMpls(frame)
    case 0x8864:
      return parsePppoeSession(frame)
    case ETHERTYPE_NSH:
      return parseNsh(frame)
    case ETHERTYPE_ETHERNET:
      return parseEthernet(frame)
    case 0x8870: // LLC in jumbo frames
      return parseLlc(frame)
    case 0x88e5: // MACsec
      return frame.encrypted(layers.LAYER_ETHERTYPE, 0x88e5)
    default:
      return layers.isOrdinaryEtherType(frame.etherType)
        ? frame.other(layers.LAYER_ETHERTYPE, frame.etherType)
        : frame.unsupported(layers.LAYER_ETHERTYPE, frame.etherType)
  }
}
