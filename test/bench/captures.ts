// The benchmark's captures: made here, the same bytes every time, so that anyone can repeat the figures.

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../fuzz/random.ts'
import { FrameWriter, type Side } from './frame-writer.ts'

const FIN = 1
const SYN = 2
const NO_PAYLOAD = Buffer.alloc(0)
const PSH = 8
const ACK = 16
const SEGMENT_BYTES = 1448

function side(address: number, port: number, sequence: number): Side {
  return { address, port, sequence: sequence >>> 0, ipId: sequence & 0xffff }
}

function advance(s: Side, bytes: number): void {
  s.sequence = (s.sequence + bytes) >>> 0
}

function handshake(w: FrameWriter, client: Side, server: Side): void {
  w.segment(client, server, SYN, client.sequence, NO_PAYLOAD, 0, 0)
  advance(client, 1)
  w.segment(server, client, SYN | ACK, server.sequence, NO_PAYLOAD, 0, 0)
  advance(server, 1)
  w.segment(client, server, ACK, client.sequence, NO_PAYLOAD, 0, 0)
}

function goodbye(w: FrameWriter, client: Side, server: Side): void {
  w.segment(client, server, FIN | ACK, client.sequence, NO_PAYLOAD, 0, 0)
  advance(client, 1)
  w.segment(server, client, FIN | ACK, server.sequence, NO_PAYLOAD, 0, 0)
  advance(server, 1)
  w.segment(client, server, ACK, client.sequence, NO_PAYLOAD, 0, 0)
}

function send(w: FrameWriter, from: Side, to: Side, payload: Buffer, start: number, end: number): void {
  w.segment(from, to, PSH | ACK, from.sequence, payload, start, end)
  advance(from, end - start)
}

function bytesOf(random: Random, length: number): Buffer {
  const b = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) b.writeUInt32LE(random.next(), i)
  return b
}

/** Text as services speak it: JSON with some accented and CJK words, so that the sanitiser meets real UTF-8. */
function jsonText(random: Random, length: number): Buffer {
  const words = ['status', 'created', 'Zürich', 'naïve', 'customer', '東京', 'price', 'description', 'é', 'id', 'null']
  const parts: string[] = []
  for (let bytes = 0; bytes < length; ) {
    const line = `  {"${words[random.below(words.length)]}": "${words[random.below(words.length)]} ${random.next().toString(36)}", "n": ${random.next()}},\n`
    parts.push(line)
    bytes += Buffer.byteLength(line)
  }
  return Buffer.from(parts.join('')).subarray(0, length)
}

/** Keep-alive HTTP on 64 interleaved connections: requests, headers, JSON and (one body in five) binary bodies. */
export function makeHttp(path: string, megabytes: number): void {
  const random = new Random(1)
  const w = new FrameWriter(path)
  const text = jsonText(random, 1 << 20)
  const binary = bytesOf(random, 1 << 20)
  const pairs = Array.from({ length: 64 }, (_, i) => ({
    client: side(0x0a000100 + i, 40000 + i, random.next()),
    server: side(0x0a000002, 80, random.next()),
    body: NO_PAYLOAD as Buffer,
    at: 0,
    left: 0,
  }))
  for (const p of pairs) handshake(w, p.client, p.server)
  let bytes = 0
  while (bytes < megabytes * 1e6) {
    const p = pairs[random.below(64)]!
    if (p.left === 0) {
      const isBinary = random.below(5) === 0
      const length = 500 + random.below(12000)
      const request = Buffer.from(
        `GET /api/v1/items/${random.next()}?page=${random.below(100)} HTTP/1.1\r\nHost: shop.example:80\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nCookie: session=${random.next().toString(16)}\r\n\r\n`,
      )
      send(w, p.client, p.server, request, 0, request.length)
      const head = Buffer.from(
        `HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 13 Sep 2020 12:26:40 GMT\r\nContent-Type: ${isBinary ? 'image/jpeg' : 'application/json; charset=utf-8'}\r\nContent-Length: ${length}\r\nConnection: keep-alive\r\n\r\n`,
      )
      send(w, p.server, p.client, head, 0, head.length)
      bytes += request.length + head.length
      p.body = isBinary ? binary : text
      p.at = random.below(p.body.length - length)
      p.left = length
    } else {
      const n = Math.min(SEGMENT_BYTES, p.left)
      send(w, p.server, p.client, p.body, p.at, p.at + n)
      p.at += n
      p.left -= n
      bytes += n
      if (random.below(2) === 0) w.segment(p.client, p.server, ACK, p.client.sequence, NO_PAYLOAD, 0, 0)
    }
  }
  for (const p of pairs) goodbye(w, p.client, p.server)
  w.close()
}

/** 16 downloads of compressed (random) bytes side by side; 1% of segments swapped with their neighbour, 0.5% sent twice. */
export function makeBulk(path: string, megabytes: number): void {
  const random = new Random(2)
  const w = new FrameWriter(path)
  const content = bytesOf(random, 4 << 20)
  const pairs = Array.from({ length: 16 }, (_, i) => ({
    client: side(0x0a000100 + i, 50000 + i, random.next()),
    server: side(0x0a000003, 443, random.next()),
    at: random.below(1 << 20),
  }))
  for (const p of pairs) handshake(w, p.client, p.server)
  let bytes = 0
  while (bytes < megabytes * 1e6) {
    const p = pairs[random.below(16)]!
    const burst = 2 + random.below(8)
    for (let i = 0; i < burst; i++) {
      if (p.at + 2 * SEGMENT_BYTES > content.length) p.at = random.below(1 << 20)
      const chance = random.below(1000)
      const { at, server, client } = p
      const first = server.sequence
      if (chance < 10) {
        w.segment(server, client, ACK, first + SEGMENT_BYTES, content, at + SEGMENT_BYTES, at + 2 * SEGMENT_BYTES)
        w.segment(server, client, ACK, first, content, at, at + SEGMENT_BYTES)
        advance(server, 2 * SEGMENT_BYTES)
        p.at += 2 * SEGMENT_BYTES
        bytes += 2 * SEGMENT_BYTES
        continue
      }
      w.segment(server, client, ACK, first, content, at, at + SEGMENT_BYTES)
      if (chance < 15) w.segment(server, client, ACK, first, content, at, at + SEGMENT_BYTES)
      advance(server, SEGMENT_BYTES)
      p.at += SEGMENT_BYTES
      bytes += SEGMENT_BYTES
    }
    w.segment(p.client, p.server, ACK, p.client.sequence, NO_PAYLOAD, 0, 0)
  }
  for (const p of pairs) goodbye(w, p.client, p.server)
  w.close()
}

/** Short connections, 32 alive at a time: a small request, a small answer, both sides close. */
export function makeShort(path: string, connections: number): void {
  const random = new Random(3)
  const w = new FrameWriter(path)
  const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n')
  const alive: { client: Side; server: Side; step: number }[] = []
  for (let made = 0; made < connections || alive.length > 0; ) {
    if (made < connections && alive.length < 32) {
      alive.push({
        client: side(0x0a010000 + (made >>> 14), 10000 + (made & 0x3fff), random.next()),
        server: side(0x0a000004, 8080, random.next()),
        step: 0,
      })
      made++
    }
    const index = random.below(alive.length)
    const p = alive[index]!
    if (p.step === 0) handshake(w, p.client, p.server)
    else if (p.step === 1) {
      const request = Buffer.from(`GET /health/${p.client.port} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      send(w, p.client, p.server, request, 0, request.length)
    } else if (p.step === 2) send(w, p.server, p.client, answer, 0, answer.length)
    else {
      goodbye(w, p.client, p.server)
      alive.splice(index, 1)
    }
    p.step++
  }
  w.close()
}

/** SYNs from ever new addresses to one port, no answers. */
export function makeFlood(path: string, packets: number): void {
  const random = new Random(4)
  const w = new FrameWriter(path)
  const server = side(0x0a000005, 80, 0)
  for (let i = 0; i < packets; i++) {
    const client = side(0x0b000000 + (random.next() >>> 8), 1024 + random.below(60000), random.next())
    w.segment(client, server, SYN, client.sequence, NO_PAYLOAD, 0, 0)
  }
  w.close()
}

/** Pipelined Redis on 32 connections, as redis-benchmark -P 16 has it: SET and GET of varying keys, one segment each way. */
export function makeRedis(path: string, exchanges: number): void {
  const random = new Random(5)
  const w = new FrameWriter(path)
  const pairs = Array.from({ length: 32 }, (_, i) => ({
    client: side(0x0a000100 + i, 40000 + i, random.next()),
    server: side(0x0a000006, 6379, random.next()),
    answer: NO_PAYLOAD as Buffer,
  }))
  for (const p of pairs) handshake(w, p.client, p.server)
  for (let asked = 0; asked < exchanges; ) {
    const p = pairs[random.below(32)]!
    if (p.answer.length === 0) {
      asked += 16
      let request = ''
      let answer = ''
      for (let i = 0; i < 16; i++) {
        const key = `user:${random.below(100_000)}`
        if (random.below(2) === 0) {
          const value = `value-${random.next()}`
          request += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`
          answer += '+OK\r\n'
        } else {
          const value = `value-${random.next()}`
          request += `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`
          answer += `$${value.length}\r\n${value}\r\n`
        }
      }
      const bytes = Buffer.from(request)
      send(w, p.client, p.server, bytes, 0, bytes.length)
      p.answer = Buffer.from(answer)
    } else {
      w.advance(random.below(200))
      send(w, p.server, p.client, p.answer, 0, p.answer.length)
      p.answer = NO_PAYLOAD
    }
  }
  for (const p of pairs) if (p.answer.length > 0) send(w, p.server, p.client, p.answer, 0, p.answer.length)
  for (const p of pairs) goodbye(w, p.client, p.server)
  w.close()
}

/** Keep-alive HTTP on 64 connections: small requests to varying paths, small JSON answers, one segment each way. */
export function makeSmallHttp(path: string, exchanges: number): void {
  const random = new Random(6)
  const w = new FrameWriter(path)
  const text = jsonText(random, 1 << 16)
  const pairs = Array.from({ length: 64 }, (_, i) => ({
    client: side(0x0a000100 + i, 40000 + i, random.next()),
    server: side(0x0a000007, 80, random.next()),
    answer: NO_PAYLOAD as Buffer,
  }))
  for (const p of pairs) handshake(w, p.client, p.server)
  for (let asked = 0; asked < exchanges; ) {
    const p = pairs[random.below(64)]!
    if (p.answer.length === 0) {
      asked++
      const request = Buffer.from(
        `GET /api/v1/items/${random.below(1_000_000)}?page=${random.below(100)} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n`,
      )
      send(w, p.client, p.server, request, 0, request.length)
      const length = 100 + random.below(900)
      const status = random.below(50) === 0 ? '500 Internal Server Error' : '200 OK'
      const head = `HTTP/1.1 ${status}\r\nServer: bench\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
      const at = random.below(text.length - length)
      p.answer = Buffer.concat([Buffer.from(head), text.subarray(at, at + length)])
    } else {
      w.advance(random.below(200))
      send(w, p.server, p.client, p.answer, 0, p.answer.length)
      p.answer = NO_PAYLOAD
    }
  }
  for (const p of pairs) if (p.answer.length > 0) send(w, p.server, p.client, p.answer, 0, p.answer.length)
  for (const p of pairs) goodbye(w, p.client, p.server)
  w.close()
}

export const captureMakers = {
  http: (path: string) => makeHttp(path, 640),
  /** 400,000 packets. */
  'http-live': (path: string) => makeHttp(path, 287),
  bulk: (path: string) => makeBulk(path, 610),
  short: (path: string) => makeShort(path, 300_000),
  'short-1200k': (path: string) => makeShort(path, 1_200_000),
  redis: (path: string) => makeRedis(path, 3_000_000),
  'redis-short': (path: string) => makeRedis(path, 750_000),
  'http-small': (path: string) => makeSmallHttp(path, 1_000_000),
  'http-small-short': (path: string) => makeSmallHttp(path, 250_000),
  flood: (path: string) => makeFlood(path, 1_000_000),
} as const

export type CaptureName = keyof typeof captureMakers

/** Path of a benchmark capture in `folder`, made at first use. */
export function captureFile(folder: string, name: CaptureName): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.pcap`)
  if (!existsSync(path)) {
    process.stderr.write(`making ${path}\n`)
    captureMakers[name](path)
  }
  return path
}
