// Conversations of damaged words, and damaged datagrams of DNS, through the whole engine of findings.
// Input: pieces of a kind, a length of two bytes, and bytes.

import assert from 'node:assert/strict'
import { AAAA, answer, query } from '../../protocol/dns/dns-builder.ts'
import { diagnoseFrames } from '../../support/diagnosed.ts'
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts'
import type { PcapFrame } from '../../support/pcap-builder.ts'
import { Talk } from '../../support/talk.ts'
import { alert, CLIENT_FINISHED, CLIENT_HELLO, encrypted, SERVER_FLIGHT } from '../../support/tls-records.ts'
import { mutate } from '../mutate.ts'
import type { Random } from '../random.ts'
import type { FuzzTarget } from '../target.ts'

const CLIENT = 0
const SERVER = 1
const DNS_QUERY = 2
const DNS_ANSWER = 3
const WAIT = 4
const END = 5
const KINDS = 6

const CLIENT_SEEDS: readonly (Buffer | string)[] = [
  CLIENT_HELLO,
  CLIENT_FINISHED,
  encrypted(19),
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'STARTTLS\r\n',
  Buffer.from('0000000804d2162f', 'hex'),
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
]
const SERVER_SEEDS: readonly (Buffer | string)[] = [
  SERVER_FLIGHT,
  alert(40),
  encrypted(250),
  'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n',
  '-NOAUTH Authentication required.\r\n',
  '220 mail.test ESMTP\r\n',
  'SSH-2.0-x\r\n',
  '\x4a\0\0\0\x0a8.0.36\0abcdefgh',
]
const NAMES = ['db', 'db.corp.test', 'www.a.test', 'www.b.test', 'x'.repeat(60), '']

export const diagnosis: FuzzTarget = {
  name: 'diagnosis',
  generate(random) {
    const pieces: Buffer[] = []
    for (let left = 1 + random.below(12); left > 0; left--) {
      const kind = random.below(KINDS)
      const seed = seedOf(kind, random)
      const bytes = random.oneIn(3) ? seed : mutate(random, seed)
      pieces.push(Buffer.from([kind, bytes.length >> 8, bytes.length & 255]), bytes.subarray(0, 0xffff))
    }
    return Buffer.concat(pieces)
  },
  start: () => (input) => {
    const { findings } = diagnoseFrames(framesOf(input), { quietSeconds: 15 })
    for (const { cause, next, evidence } of findings) {
      assert.ok(cause !== '' && !/undefined|NaN|Infinity/.test(cause + next), cause)
      for (const { time } of evidence) assert.ok(time.seconds > 0, cause)
    }
  },
}

function seedOf(kind: number, random: Random): Buffer {
  const name = random.pick(NAMES)
  const fields = { id: random.below(3), name, type: random.oneIn(2) ? AAAA : 1 }
  if (kind === DNS_QUERY) return query(fields)
  if (kind === DNS_ANSWER) return answer({ ...fields, code: random.below(6) })
  if (kind === WAIT) return Buffer.from([random.below(60)])
  if (kind === END) return Buffer.from([random.below(4)])
  return Buffer.from(random.pick(kind === CLIENT ? CLIENT_SEEDS : SERVER_SEEDS))
}

function framesOf(input: Buffer): PcapFrame[] {
  const talk = new Talk({ serverPort: 443 }).open()
  const datagrams: PcapFrame[] = []
  for (let at = 0; at + 3 <= input.length; ) {
    const kind = input[at]! % KINDS
    const length = (input[at + 1]! << 8) | input[at + 2]!
    const bytes = input.subarray(at + 3, at + 3 + length)
    at += 3 + length
    play(kind, bytes, talk, datagrams)
  }
  return [...talk.frames, ...datagrams]
}

function play(kind: number, bytes: Buffer, talk: Talk, datagrams: PcapFrame[]): void {
  const first = bytes[0] ?? 0
  if (kind === CLIENT || kind === SERVER) {
    if (bytes.length > 0) talk.say(kind, bytes)
  } else if (kind === WAIT) {
    talk.wait(first * 250)
  } else if (kind === END) {
    const d = (first & 1) as 0 | 1
    if (first < 2) talk.segment(d, { flags: 'F.' }, 1)
    else talk.reset(d)
  } else {
    const ends = kind === DNS_QUERY ? { src: '10.0.0.1', dst: '10.0.0.53' } : { src: '10.0.0.53', dst: '10.0.0.1' }
    const ports = kind === DNS_QUERY ? { sport: 40000, dport: 53 } : { sport: 53, dport: 40000 }
    // at the time of what was said last
    datagrams.push({
      frame: ethernet({}, ipv4(ends, udp({ ...ports, payload: bytes }))),
      time: talk.frames.at(-1)!.time,
    })
  }
}
