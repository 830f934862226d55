// tcpkit -p raw: a line for each packet, with -A what is in it.

import type { View } from './view.ts'

export const packetLinesView: View = {
  name: 'packet-lines',
  wants: ({ latency }) => latency !== undefined && latency.packets !== 'none',
  async attach({ plan, standardOutput }) {
    const { PacketLines } = await import('../output/packets/packet-lines.ts')
    const packets = new PacketLines(standardOutput(), plan.latency?.packets === 'ascii')
    return { rawSegments: [packets], datagrams: [packets] }
  },
}
