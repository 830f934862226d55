// TLS records for conversations: the messages of RFC 8448 §3 (TLS 1.3, server name `server`), alerts, and TLS 1.2 around a real
// certificate.

import { X509Certificate } from 'node:crypto'

export function record(type: number, body: Buffer, version = 0x0303): Buffer {
  return Buffer.concat([Buffer.from([type, version >> 8, version & 255, body.length >> 8, body.length & 255]), body])
}

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex')

/** RFC 8448 §3: TLS 1.3 alone, three suites, server name `server`. */
export const CLIENT_HELLO = record(
  22,
  hex(`010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b
0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e43
5a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00
020101001c00024001`),
  0x0301,
)

const SERVER_HELLO_13 = record(
  22,
  hex(`020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828
876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304`),
)

/** What nobody can read; `bytes` without the record's header. */
export function encrypted(bytes: number): Buffer {
  return record(23, Buffer.alloc(bytes, 0xee))
}

/** ServerHello to Finished, TLS 1.3. */
export const SERVER_FLIGHT = Buffer.concat([SERVER_HELLO_13, encrypted(674)])
/** The client's Finished, TLS 1.3. */
export const CLIENT_FINISHED = encrypted(53)

/** In the clear. */
export function alert(code: number, level = 2): Buffer {
  return record(21, Buffer.from([level, code]))
}

function message(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, body.length >> 16, (body.length >> 8) & 255, body.length & 255]), body])
}

/** A hello that offers TLS 1.2 and below, with that server name. */
export function clientHello12(serverName: string): Buffer {
  const name = Buffer.from(serverName)
  const extension = Buffer.concat([
    Buffer.from([0, 0, 0, name.length + 5, 0, name.length + 3, 0, 0, name.length]),
    name,
  ])
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 0x11),
    Buffer.from([0, 0, 2, 0xc0, 0x2f, 1, 0, 0, extension.length]),
    extension,
  ])
  return record(22, message(1, body), 0x0301)
}

/** ServerHello, Certificate, ServerHelloDone of TLS 1.2; `pem` is the server's leaf. */
export function serverFlight12(pem: string): Buffer {
  const hello = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 0x22), Buffer.from([0, 0xc0, 0x2f, 0])])
  const der = new X509Certificate(pem).raw
  const length = (n: number) => Buffer.from([n >> 16, (n >> 8) & 255, n & 255])
  const chain = Buffer.concat([length(der.length + 3), length(der.length), der])
  return record(22, Buffer.concat([message(2, hello), message(11, chain), message(14, Buffer.alloc(0))]))
}
