// Part of the build: runs the built program on a small conversation and keeps the code that V8 compiled for that beside it.
// `record-compiled-code.js PROGRAM FOLDER ARGUMENT …`: FOLDER gets the conversation and the output. Each run adds to the last.

import { writeFileSync } from 'node:fs'
import { COMPILED_SUFFIX, compileScript, runScript } from './load-program.ts'

const SYN = 0x02
const ACK = 0x10
const PSH_ACK = 0x18
const FIN_ACK = 0x11
const CLIENT = 0x0a000001
const SERVER = 0x0a000002
const REQUEST = 'GET / HTTP/1.1\r\nHost: web\r\n\r\n'
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** One HTTP exchange in a classic savefile of raw IPv4: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/ */
function conversation(): Buffer {
  const header = Buffer.alloc(24)
  const LINKTYPE_RAW = 101
  for (const [i, word] of [0xa1b2c3d4, 0x00040002, 0, 0, 65535, LINKTYPE_RAW].entries())
    header.writeUInt32LE(word, i * 4)
  const afterRequest = REQUEST.length + 1
  const afterResponse = RESPONSE.length + 1
  return Buffer.concat([
    header,
    packet(0, true, SYN, 0, 0, ''),
    packet(1, false, SYN | ACK, 0, 1, ''),
    packet(2, true, ACK, 1, 1, ''),
    packet(3, true, PSH_ACK, 1, 1, REQUEST),
    packet(4, false, PSH_ACK, 1, afterRequest, RESPONSE),
    packet(5, true, FIN_ACK, afterRequest, afterResponse, ''),
    packet(6, false, FIN_ACK, afterResponse, afterRequest + 1, ''),
    packet(7, true, ACK, afterRequest + 1, afterResponse + 1, ''),
  ])
}

function packet(
  millis: number,
  up: boolean,
  flags: number,
  sequence: number,
  acknowledged: number,
  data: string,
): Buffer {
  const RECORD = 16
  const length = 40 + data.length
  const p = Buffer.alloc(RECORD + length)
  for (const [i, word] of [1_700_000_000, millis * 1000, length, length].entries()) p.writeUInt32LE(word, i * 4)
  const ip = p.subarray(RECORD)
  for (const [at, word] of [0x45000000 + length, millis << 16, 0x40060000].entries()) ip.writeUInt32BE(word, at * 4)
  ip.writeUInt32BE(up ? CLIENT : SERVER, 12)
  ip.writeUInt32BE(up ? SERVER : CLIENT, 16)
  ip.writeUInt16BE(up ? 40000 : 80, 20)
  ip.writeUInt16BE(up ? 80 : 40000, 22)
  ip.writeUInt32BE(sequence, 24)
  ip.writeUInt32BE(acknowledged, 28)
  ip.writeUInt32BE(0x50000000 + (flags << 16) + 0xffff, 32)
  ip.write(data, 40, 'latin1')
  return p
}

const [path = '', folder = '', ...args] = process.argv.slice(2)
process.chdir(folder)
writeFileSync('conversation.pcap', conversation())
const script = compileScript(path)
process.argv = [process.execPath, path, ...args]
process.on('exit', () => writeFileSync(`${path}${COMPILED_SUFFIX}`, script.createCachedData()))
void runScript(script, path).runProgram()
