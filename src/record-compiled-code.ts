// Part of the build: runs the built program on a small conversation and keeps the code that V8 compiled for that beside it.
// `record-compiled-code.js PROGRAM FOLDER ARGUMENT …`: FOLDER gets the conversation and the output. Each run adds to the last.

import { writeFileSync } from 'node:fs'
import { Timestamp } from './core/timestamp.ts'
import { COMPILED_SUFFIX, compileScript, runScript } from './load-program.ts'
import { PcapWriter } from './savefile/pcap-writer.ts'

const LINKTYPE_RAW = 101
const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18
const FIN_ACK = 0x11
const CLIENT = 0x0a000001
const SERVER = 0x0a000002
const REQUEST = 'GET / HTTP/1.1\r\nHost: web\r\n\r\n'
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** One HTTP exchange in a classic savefile of raw IPv4. */
function conversation(): Buffer {
  const parts: Buffer[] = []
  const writer = new PcapWriter((buf, start, end) => parts.push(Buffer.from(buf.subarray(start, end))), {
    nanoseconds: false,
  })
  writer.writeHeader(LINKTYPE_RAW)
  const afterRequest = REQUEST.length + 1
  const afterResponse = RESPONSE.length + 1
  const packets = [
    packet(true, SYN, 0, 0, ''),
    packet(false, SYN | ACK, 0, 1, ''),
    packet(true, ACK, 1, 1, ''),
    packet(true, PSH_ACK, 1, 1, REQUEST),
    packet(false, PSH_ACK, 1, afterRequest, RESPONSE),
    packet(true, FIN_ACK, afterRequest, afterResponse, ''),
    packet(false, FIN_ACK, afterResponse, afterRequest + 1, ''),
    packet(true, ACK, afterRequest + 1, afterResponse + 1, ''),
  ]
  for (const [millis, bytes] of packets.entries()) {
    writer.writePacket(new Timestamp(1_700_000_000, millis * 1e6), bytes.length, bytes, 0, bytes.length)
  }
  return Buffer.concat(parts)
}

function packet(up: boolean, flags: number, sequence: number, acknowledged: number, data: string): Buffer {
  const ip = Buffer.alloc(40 + data.length)
  for (const [at, word] of [0x45000000 + ip.length, 0, 0x40060000].entries()) ip.writeUInt32BE(word, at * 4)
  ip.writeUInt32BE(up ? CLIENT : SERVER, 12)
  ip.writeUInt32BE(up ? SERVER : CLIENT, 16)
  ip.writeUInt16BE(up ? 40000 : 80, 20)
  ip.writeUInt16BE(up ? 80 : 40000, 22)
  ip.writeUInt32BE(sequence, 24)
  ip.writeUInt32BE(acknowledged, 28)
  ip.writeUInt32BE(0x50000000 + (flags << 16) + 0xffff, 32)
  ip.write(data, 40, 'latin1')
  return ip
}

const [path = '', folder = '', ...args] = process.argv.slice(2)
process.chdir(folder)
writeFileSync('conversation.pcap', conversation())
const script = compileScript(path)
process.argv = [process.execPath, path, ...args]
process.on('exit', () => writeFileSync(`${path}${COMPILED_SUFFIX}`, script.createCachedData()))
void runScript(script, path).runProgram()
