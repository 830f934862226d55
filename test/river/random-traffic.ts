// Traffic made up at random, the same every time: connections that talk at once, and everything that may befall them.

import { Timestamp } from '../../src/core/timestamp.ts'
import { Random } from '../fuzz/random.ts'
import { arp, ethernet, ipv4, ipv6, tcp, udp } from '../support/packet-builder.ts'
import type { PcapFrame } from '../support/pcap-builder.ts'

const CONTENT_BYTES = 1 << 20

export interface End {
  address: string
  port: number
  next: number
}

/** Frames of connections that talk at once. */
export class Traffic {
  readonly frames: PcapFrame[] = []
  readonly #random: Random
  readonly #content: Buffer
  /** Packets that are captured side by side come in any order: some have been late by up to this. */
  readonly #jitterNanos: number
  #nanos = 1_700_000_000_000_000_000n
  #at = 0

  constructor(seed: number, jitterNanos = 0) {
    this.#jitterNanos = jitterNanos
    this.#random = new Random(seed)
    this.#content = this.#random.bytes(CONTENT_BYTES)
  }

  get random(): Random {
    return this.#random
  }

  ends(count: number): [End, End][] {
    return Array.from({ length: count }, (_, i) => [
      { address: `10.0.${i >> 5}.${i + 1}`, port: 40000 + i, next: this.#random.next() },
      { address: '10.1.0.1', port: 80, next: this.#random.next() },
    ])
  }

  /** As far as the last 32 bits of addresses, ports and sequence numbers go it is the same connection. */
  ipv6Twin([client, server]: [End, End]): [End, End] {
    return [
      { ...client, address: 'fd00::a00:1' },
      { ...server, address: 'fd00::a01:1' },
    ]
  }

  wait(nanos: number): void {
    this.#nanos += BigInt(nanos)
  }

  add(frame: Buffer, more: Partial<PcapFrame> = {}): void {
    this.wait(1000 * this.#random.below(20))
    const early = this.#jitterNanos > 0 && this.#random.oneIn(20) ? this.#random.below(this.#jitterNanos) : 0
    const nanos = this.#nanos - BigInt(early)
    const time = new Timestamp(Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n))
    this.frames.push({ frame, time, ...more })
  }

  segment(
    from: End,
    to: End,
    flags: string,
    payload: Buffer = Buffer.alloc(0),
    changes: { seq?: number; ack?: number } = {},
  ): Buffer {
    const seq = changes.seq ?? from.next
    const ack = changes.ack ?? to.next
    return tcp({ sport: from.port, dport: to.port, seq, ack, flags, payload })
  }

  frame(from: End, to: End, segment: Buffer): Buffer {
    const [src, dst] = [from.address, to.address]
    if (src.includes(':')) return ethernet({}, ipv6({ src, dst }, segment))
    return ethernet({}, ipv4({ src, dst, id: this.#random.below(65536) }, segment))
  }

  send(
    from: End,
    to: End,
    flags: string,
    payload: Buffer = Buffer.alloc(0),
    changes: { seq?: number; ack?: number } = {},
  ): void {
    this.add(this.frame(from, to, this.segment(from, to, flags, payload, changes)))
  }

  bytes(most: number): Buffer {
    const length = 1 + this.#random.below(most)
    this.#at = (this.#at + length) % (this.#content.length - 70_000)
    return this.#content.subarray(this.#at, this.#at + length)
  }

  say(from: End, to: End, most = 1460): void {
    const payload = this.bytes(most)
    this.send(from, to, '.', payload)
    from.next += payload.length
  }

  open(client: End, server: End): void {
    this.send(client, server, 'S', Buffer.alloc(0), { ack: 0 })
    client.next++
    this.send(server, client, 'S.')
    server.next++
    this.send(client, server, '.')
  }

  close(client: End, server: End): void {
    this.send(server, client, 'F.')
    server.next++
    this.send(client, server, 'F.')
    client.next++
    this.send(server, client, '.')
  }
}

/** What else may happen; every one of it leaves sequence numbers as they are for those who talk on. */
const incidents: readonly ((t: Traffic, client: End, server: End) => void)[] = [
  // sent again, whole or in other pieces, with other bytes
  (t, client, server) => {
    const payload = t.bytes(1460)
    t.send(server, client, '.', payload)
    server.next += payload.length
    t.send(server, client, '.', payload, { seq: server.next - payload.length })
    t.send(server, client, '.', t.bytes(600), { seq: server.next - 300 })
  },
  // swapped
  (t, client, server) => {
    const [first, second] = [t.bytes(1460), t.bytes(1460)]
    t.send(server, client, '.', second, { seq: server.next + first.length })
    t.send(server, client, '.', first)
    server.next += first.length + second.length
  },
  // lost to the capture: acknowledged all the same
  (t, client, server) => {
    server.next += 1 + t.random.below(5000)
    t.send(client, server, '.')
    t.say(server, client)
  },
  // lost to everybody, and sent again later
  (t, client, server) => {
    const lost = t.bytes(1460)
    const from = server.next
    server.next += lost.length
    t.say(server, client)
    t.say(server, client)
    t.say(client, server, 300)
    t.send(server, client, '.', lost, { seq: from })
  },
  // acknowledged before it was seen
  (t, client, server) => {
    const payload = t.bytes(1460)
    t.send(client, server, '.', Buffer.alloc(0), { ack: server.next + payload.length })
    t.send(server, client, '.', payload)
    server.next += payload.length
  },
  // keep-alives, window probes, old and senseless acknowledgements
  (t, client, server) => {
    t.send(client, server, '.', Buffer.alloc(t.random.below(2)), { seq: client.next - 1 })
    t.send(client, server, '.', Buffer.alloc(0), { ack: server.next - t.random.below(100_000) })
    t.send(client, server, '.', Buffer.alloc(0), { ack: server.next + t.random.next() })
    t.send(client, server, '', Buffer.alloc(0))
    t.send(server, client, 'U.', Buffer.alloc(0))
  },
  // goes far ahead
  (t, client, server) =>
    t.send(server, client, '.', t.bytes(100), { seq: server.next + 20_000_000 + t.random.below(1000) }),
  // a forged reset
  (t, client, server) => t.send(server, client, 'R', Buffer.alloc(0), { seq: server.next + 10_000_000 }),
  // resets that are not believed, or were lost on their way, in either direction, and SYNs that have strayed here
  (t, client, server) => {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      t.send(from, to, t.random.oneIn(2) ? 'R' : 'R.', Buffer.alloc(t.random.below(2)), {
        seq: from.next + t.random.below(200),
      })
      t.send(to, from, '.')
      t.say(to, from)
      t.say(from, to)
      t.send(from, to, t.random.oneIn(2) ? 'S' : 'S.', Buffer.alloc(0), { seq: t.random.next() })
      if (t.random.oneIn(2)) t.send(to, from, '.')
      for (let i = 0; i < 4; i++) t.say(to, from)
      t.say(from, to)
    }
  },
  // a reset that overtakes data, which then comes with all that was under way; and silence
  (t, client, server) => {
    const payload = t.bytes(1000)
    t.send(server, client, 'R.', Buffer.alloc(0), { seq: server.next + payload.length })
    for (let i = 0; i < 4; i++) t.say(client, server)
    t.send(server, client, '.', payload)
    if (t.random.oneIn(2)) t.wait(3_000_000_000)
    client.next = t.random.next()
    server.next = t.random.next()
    t.open(client, server)
  },
  // a port that is used again at once, of which the other side has not heard
  (t, client, server) => {
    const due = client.next
    client.next = t.random.next()
    t.send(client, server, 'S', Buffer.alloc(0), { ack: 0 })
    t.send(server, client, '.', Buffer.alloc(0), { ack: due })
    t.send(client, server, 'R', Buffer.alloc(0), { seq: due })
    server.next = t.random.next()
    t.open(client, server)
  },
  // over and again
  (t, client, server) => {
    t.close(client, server)
    client.next += 100_000
    t.open(client, server)
  },
  (t, client, server) => {
    t.send(t.random.oneIn(2) ? client : server, t.random.oneIn(2) ? server : client, 'R.')
    client.next = t.random.next()
    server.next = t.random.next()
    t.open(client, server)
  },
  // reset, of which the other side hears late
  (t, client, server) => {
    t.send(client, server, 'R')
    t.send(server, client, '.')
    for (let i = 0; i < 4; i++) t.say(server, client)
    t.send(server, client, 'S.')
    client.next = t.random.next()
    server.next = t.random.next()
    t.open(client, server)
  },
  // a handshake of which the end was not captured
  (t, client, server) => {
    client.next = t.random.next()
    server.next = t.random.next()
    t.send(client, server, 'S', Buffer.alloc(0), { ack: 0 })
    client.next++
    t.send(server, client, 'S.')
    server.next++
    for (let i = 0; i < 40; i++) t.say(server, client)
    t.send(client, server, '.')
  },
  // forgets to say goodbye
  (t, client, server) => {
    client.next = t.random.next()
    server.next = t.random.next()
    t.open(client, server)
  },
  // half-closed, and still talking
  (t, client, server) => {
    t.send(client, server, 'F.')
    client.next++
    for (let i = 0; i < 5; i++) t.say(server, client)
    t.send(server, client, 'F.')
    server.next++
    t.send(client, server, '.')
    client.next += 1000
    t.open(client, server)
  },
  // frames of other kinds around the same segments: VLAN, IPv4 options, padding, lengths that offloading left out
  (t, client, server) => {
    const wrap = (make: (segment: Buffer) => Buffer) => {
      const payload = t.bytes(1000)
      t.add(make(t.segment(server, client, '.', payload)))
      server.next += payload.length
    }
    const ends = { src: server.address, dst: client.address }
    wrap((segment) => ethernet({ vlan: [7] }, ipv4(ends, segment)))
    wrap((segment) => ethernet({}, ipv4({ ...ends, options: [1, 1, 1, 0] }, segment)))
    wrap((segment) => Buffer.concat([ethernet({}, ipv4(ends, segment)), Buffer.alloc(t.random.below(20))]))
    wrap((segment) => ethernet({}, ipv4({ ...ends, totalLength: 0 }, segment)))
    t.send(server, client, '.')
    const big = t.bytes(64_000)
    t.add(t.frame(server, client, t.segment(server, client, '.', big)))
    server.next += big.length
  },
  // fragments
  (t, client, server) => {
    const payload = t.bytes(1200)
    const segment = t.segment(server, client, '.', payload)
    const ends = { src: server.address, dst: client.address, id: t.random.below(65536), protocol: 6 }
    t.add(ethernet({}, ipv4({ ...ends, moreFragments: true }, Buffer.from(segment.subarray(0, 200 & ~7)))))
    t.add(ethernet({}, ipv4({ ...ends, fragmentOffset: 200 & ~7 }, Buffer.from(segment.subarray(200 & ~7)))))
    server.next += payload.length
  },
  // cut short by the capture, or claiming to be longer than it is
  (t, client, server) => {
    const payload = t.bytes(1200)
    const whole = t.frame(server, client, t.segment(server, client, '.', payload))
    t.add(whole.subarray(0, 54 + t.random.below(payload.length + 1)), { originalLength: whole.length })
    server.next += payload.length
    const lies = Buffer.from(t.frame(server, client, t.segment(server, client, '.', Buffer.alloc(0))))
    t.add(lies, { originalLength: lies.length + 100 })
    t.add(lies.subarray(0, t.random.below(lies.length)))
  },
  // headers that lie about lengths, and a fraction of a second that is none
  (t, client, server) => {
    const ends = { src: server.address, dst: client.address }
    const options = { sport: server.port, dport: client.port, seq: server.next, ack: client.next, payload: t.bytes(60) }
    const ip = (segment: Buffer) => ethernet({}, ipv4(ends, segment))
    t.add(ip(tcp({ ...options, dataOffset: t.random.below(5) })))
    t.add(ip(tcp({ ...options, dataOffset: 5 + t.random.below(11) })))
    t.add(ethernet({}, ipv4({ ...ends, totalLength: 41 + t.random.below(400) }, tcp(options))))
    t.add(ethernet({}, ipv4({ ...ends, headerLength: t.random.below(16) }, tcp(options))))
    const { frame, time } = t.frames.at(-1)!
    t.frames.push({
      frame,
      time: new Timestamp((time as Timestamp).seconds, 1_000_000_000 + t.random.below(2_000_000_000)),
    })
  },
  // any byte of the headers is something else
  (t, client, server) => {
    const frame = Buffer.from(t.frame(server, client, t.segment(server, client, '.', t.bytes(300))))
    frame[t.random.below(54)] = t.random.below(256)
    t.add(frame)
  },
  // others
  (t, client, server) => {
    t.add(ethernet({}, ipv4({ src: client.address, dst: server.address }, udp({ payload: t.bytes(100) }))))
    t.add(ethernet({}, ipv6({}, tcp({ payload: t.bytes(100) }))))
    t.add(ethernet({}, arp({ sender: client.address, target: server.address })))
    t.add(t.random.bytes(t.random.below(100)))
  },
  // time passes, stands still, goes back, or is absurd for a packet
  (t) => t.wait(5_000_000 * t.random.below(40)),
  (t) => t.wait(1_000_000_000 * t.random.below(100)),
  (t) => t.wait(-3_000_000 * t.random.below(10)),
  (t, client, server) => {
    const before = t.random.oneIn(2)
    t.wait((before ? -1 : 1) * 500_000_000_000)
    t.say(server, client)
    t.wait((before ? 1 : -1) * 500_000_000_000)
  },
]

/** Connections that talk at random; one step in `quiet` is an incident. */
export function randomTraffic(
  seed: number,
  connections: number,
  steps: number,
  quiet: number,
  jitterNanos = 0,
): Traffic {
  const t = new Traffic(seed, jitterNanos)
  const { random } = t
  const pairs = t.ends(connections)
  const six = t.ipv6Twin(pairs[0]!)
  for (const [client, server] of [...pairs, six]) t.open(client, server)
  for (let step = 0; step < steps; step++) {
    const [client, server] = random.pick(pairs)
    if (random.oneIn(20)) for (const from of six) t.say(from, from === six[0] ? six[1] : six[0])
    if (random.oneIn(quiet)) random.pick(incidents)(t, client, server)
    else if (random.oneIn(5)) t.say(client, server, 700)
    else if (random.oneIn(3)) t.send(client, server, '.')
    else for (let i = random.below(6); i >= 0; i--) t.say(server, client)
  }
  return t
}
