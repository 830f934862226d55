// Scripts in a folder of their own, with what they print and what is said of them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Messages, Names } from '../../src/core/ports.ts'
import { Datagram, Segment } from '../../src/core/segment.ts'
import { openScript, type ScriptConsumer } from '../../src/script/script-consumer.ts'
import type { Hook } from '../../src/script/script-engine.ts'

interface Cleanup {
  after(f: () => void): void
}

export class Workshop implements Messages {
  readonly folder: string
  /** Everything printed. */
  output = Buffer.alloc(0)
  errors = ''
  readonly said: string[] = []

  constructor(t: Cleanup) {
    this.folder = mkdtempSync(join(tmpdir(), 'tcpflow-script-'))
    t.after(() => rmSync(this.folder, { recursive: true }))
  }

  /** Printed text, by lines. */
  get lines(): string[] {
    const text = this.output.toString('utf8')
    return text === '' ? [] : text.replace(/\n$/, '').split('\n')
  }

  write(name: string, source: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, source)
    return path
  }

  open(name: string, source: string, options: { names?: Names; neverCalled?: Map<Hook, string>; alone?: string } = {}) {
    this.write(name, source)
    return this.openFile(name, options)
  }

  /** A path within the folder, or an absolute one. */
  openFile(
    path: string,
    options: { names?: Names; neverCalled?: Map<Hook, string>; alone?: string } = {},
  ): Promise<ScriptConsumer> {
    return openScript({
      path,
      cwd: this.folder,
      print: (bytes) => {
        this.output = Buffer.concat([this.output, bytes])
      },
      printError: (bytes) => {
        this.errors += Buffer.from(bytes).toString('utf8')
      },
      flushOutput: () => {},
      messages: this,
      names: options.names,
      ...(options.neverCalled === undefined ? {} : { neverCalled: options.neverCalled }),
      ...(options.alone === undefined ? {} : { alone: options.alone }),
    })
  }

  note(line: string): void {
    this.said.push(line)
  }

  info(line: string): void {
    this.said.push(line)
  }

  error(line: string): void {
    this.said.push(line)
  }
}

/** Runs Lua source and returns the lines that it printed. */
export async function luaLines(t: Cleanup, source: string): Promise<string[]> {
  const workshop = new Workshop(t)
  const script = await workshop.open('test.lua', `${source}\nfunction process() end`)
  await script.finish()
  return workshop.lines
}

export function segmentOf(
  fields: Partial<Segment> & { payload?: Uint8Array; seconds?: number; nanos?: number },
): Segment {
  const { payload = new Uint8Array(0), seconds = 1_583_695_386, nanos = 258_761_999, ...rest } = fields
  const segment = new Segment()
  Object.assign(segment, { sourceWord3: 0x0a000001, destinationWord3: 0xc0a80002 | 0, sourcePort: 51137 }, rest)
  if (rest.destinationPort === undefined) segment.destinationPort = 6379
  setPayload(segment, payload)
  segment.time.seconds = seconds
  segment.time.nanos = nanos
  return segment
}

export function datagramOf(payload: Uint8Array, fields: Partial<Datagram> = {}): Datagram {
  const datagram = new Datagram()
  Object.assign(datagram, { sourceWord3: 0x0a000001, destinationWord3: 0x0a000002, sourcePort: 40000 }, fields)
  if (fields.destinationPort === undefined) datagram.destinationPort = 53
  setPayload(datagram, payload)
  datagram.time.seconds = 1_583_695_386
  return datagram
}

/** The payload lies within a larger buffer, as in a packet. */
function setPayload(target: Segment | Datagram, payload: Uint8Array): void {
  target.buf = Buffer.concat([Buffer.from('head'), payload, Buffer.from('tail')])
  target.payloadStart = 4
  target.payloadEnd = 4 + payload.length
}
