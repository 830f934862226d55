// What clients and servers say in simulations, by protocol. Values look like what is around them, so that a parser which
// looks for the next message in the wrong place is found out.

import { frame } from './memcached/memcached-frame.ts'
import type { Random, Speaker, Spoken } from './pipeline-simulation.ts'

function spoken(request: string, response: string): Spoken {
  return { request: Buffer.from(request, 'latin1'), response: Buffer.from(response, 'latin1') }
}

/** Values that look like what is around them. */
const REDIS_LURES = [
  '\r\n+OK\r\n',
  '\r\n:5\r\n',
  '*1\r\n$4\r\nPING\r\n',
  '\r\n$3\r\nabc\r\n',
  '-ERR x\r\n',
  '\r\n*2\r\n:1\r\n:2\r\n',
  'text ',
  '\r\n',
]

function redisValue(random: Random): string {
  let text = ''
  for (let i = random.below(5); i > 0; i--) text += REDIS_LURES[random.below(REDIS_LURES.length)]!
  return text + 'x'.repeat(random.below(40))
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}

export const redisSpeaker: Speaker = (number, random) => {
  const key = bulk(`k${number}`)
  switch (random.below(5)) {
    case 0:
      return spoken(`*3\r\n$3\r\nSET\r\n${key}${bulk(redisValue(random))}`, '+OK\r\n')
    case 1:
      return spoken(`*2\r\n$4\r\nINCR\r\n${key}`, `:${random.below(1000)}\r\n`)
    case 2:
      return spoken(`*2\r\n$7\r\nHGETALL\r\n${key}`, `*2\r\n${bulk('field')}${bulk(redisValue(random))}`)
    case 3:
      return spoken(`*2\r\n$4\r\nLPOP\r\n${key}`, '-WRONGTYPE no list\r\n')
    default:
      return spoken(`*2\r\n$3\r\nGET\r\n${key}`, random.below(4) === 0 ? '$-1\r\n' : bulk(redisValue(random)))
  }
}

/** Bodies that look like what is around them. */
const HTTP_LURES = [
  'HTTP/1.1 ',
  'GET k1 ',
  'HTTP/1.1 200',
  '\r\n\r\n',
  '\n',
  '0\r\n\r\n',
  '5\r\nabcde\r\n',
  'Content-Length: 3\r\n',
]

function body(random: Random): string {
  let text = ''
  for (let i = random.below(4); i > 0; i--) text += HTTP_LURES[random.below(HTTP_LURES.length)]!
  return text + 'x'.repeat(random.below(60))
}

function chunks(text: string, random: Random): string {
  let all = ''
  for (let pos = 0; pos < text.length; ) {
    const size = 1 + random.below(text.length - pos)
    all += `${size.toString(16)}\r\n${text.slice(pos, pos + size)}\r\n`
    pos += size
  }
  return `${all}0\r\n\r\n`
}

export const httpSpeaker: Speaker = (number, random) => {
  const text = body(random)
  const plain = `HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: ${text.length}\r\n\r\n`
  const get = `GET k${number} HTTP/1.1\r\nHost: example.com\r\n\r\n`
  switch (random.below(6)) {
    case 0:
      return spoken(
        `POST k${number} HTTP/1.1\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
        'HTTP/1.1 204 No\r\n\r\n',
      )
    case 1:
      return spoken(get, `HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n${chunks(text, random)}`)
    case 2:
      return spoken(get, 'HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n')
    case 3:
      return spoken(`HEAD k${number} HTTP/1.1\r\n\r\n`, plain)
    default:
      return spoken(get, plain + text)
  }
}

/** Values that look like what is around them. */
const MEMCACHED_LURES = [
  '\r\nEND\r\n',
  '\r\nSTORED\r\n',
  'get k1\r\n',
  '\r\nVALUE k2 0 1\r\n1\r\nEND\r\n',
  'text ',
  '\r\n',
  '\x80',
  '\x81',
]

function memcachedValue(random: Random): string {
  let text = ''
  for (let i = random.below(5); i > 0; i--) text += MEMCACHED_LURES[random.below(MEMCACHED_LURES.length)]!
  return text + 'x'.repeat(random.below(40))
}

export const memcachedTextSpeaker: Speaker = (number, random) => {
  const key = `k${number}`
  const data = memcachedValue(random)
  switch (random.below(5)) {
    case 0:
      return spoken(`set ${key} 0 0 ${data.length}\r\n${data}\r\n`, 'STORED\r\n')
    case 1:
      return spoken(`incr ${key} 1\r\n`, random.below(2) === 0 ? '12\r\n' : 'NOT_FOUND\r\n')
    case 2:
      return spoken(`mg ${key} v\r\n`, `VA ${data.length}\r\n${data}\r\n`)
    case 3:
      return spoken(`delete ${key}\r\n`, 'SERVER_ERROR out of order\r\n')
    default:
      return spoken(
        `get ${key}\r\n`,
        random.below(3) === 0 ? 'END\r\n' : `VALUE ${key} 0 ${data.length}\r\n${data}\r\nEND\r\n`,
      )
  }
}

export const memcachedBinarySpeaker: Speaker = (number, random) => {
  const key = `k${number}`
  const data = Buffer.from(memcachedValue(random), 'latin1')
  const opaque = 0x80000000 + number * 3
  if (random.below(2) === 0) {
    return {
      request: frame(0x80, 0x01, { key, extras: 8, value: data, opaque }),
      response: frame(0x81, 0x01, { opaque }),
    }
  }
  return {
    request: frame(0x80, 0x00, { key, opaque }),
    response: frame(0x81, 0x00, { extras: 4, value: data, opaque }),
  }
}

/** A client that uses no opaque. */
export const memcachedAnonymousSpeaker: Speaker = (number, random) => {
  const key = `k${number}`
  const data = Buffer.from(memcachedValue(random), 'latin1')
  return { request: frame(0x80, 0x00, { key }), response: frame(0x81, 0x00, { extras: 4, value: data }) }
}

/** A line protocol that nobody knows. */
export const lineSpeaker: Speaker = (number, random) =>
  spoken(`ask k${number} ${'x'.repeat(random.below(40))}\n`, `said ${'y'.repeat(random.below(60))}\n`)
