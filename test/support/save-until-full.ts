// Run by savefile-sink.test.ts in a process of its own, with a limit on file sizes: saves packets until the sink takes no more,
// and prints its error.

import { Packet } from '../../src/core/packet.ts'
import { SavefileSink } from '../../src/output/packets/savefile-sink.ts'

const sink = new SavefileSink({ path: process.argv[2]!, rotateBytes: 0, rotateSeconds: 0, keep: 0 }, 1)
sink.onInterface(0, { linkType: 1, snapshotLength: 0, name: 'eth0', description: '', place: 0, placeName: '' })
const packet = new Packet()
packet.buf = Buffer.alloc(1000, 'p')
packet.end = 1000
packet.originalLength = 1000
packet.time.seconds = 1_700_000_000
for (let i = 0; i < 10_000 && !sink.blocked; i++) sink.onPacket(packet)
await sink.drain().catch((error: Error) => console.log(error.message))
await sink.finish()
