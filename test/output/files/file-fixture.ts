// Connections made by hand and the sink that they are told to, in a folder that goes away with the test.

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import { type CloseReason, Connection, type Direction, Stream } from '../../../src/core/connection.ts'
import type { StreamConsumer } from '../../../src/core/consumers.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import type { Timestamp } from '../../../src/core/timestamp.ts'
import type { RunInformation } from '../../../src/output/report/report-xml.ts'
import type { FilesPlan } from '../../../src/plan.ts'

/** In memory where there is such a thing: ext4 takes half a millisecond for each file made soon after others were removed. */
const FAST_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A folder that is removed after the test. `name` itself, below it, does not exist yet. */
export function temporaryFolder(t: TestContext, name = 'out', base: string = FAST_FOLDER): string {
  const parent = mkdtempSync(join(base, 'tcpflow-files-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, name)
}

export function filesPlan(outputFolder: string, changes: Partial<FilesPlan> = {}): FilesPlan {
  return {
    outputFolder,
    nameTemplate: '%A.%a-%B.%b%V%v%C%c',
    maximumBytes: Number.POSITIVE_INFINITY,
    maximumOpenFiles: 0,
    maximumJumpBytes: 16_777_216,
    gaps: 'hole',
    index: false,
    packetsPerFlow: false,
    strip: false,
    merge: false,
    md5: false,
    httpBodies: false,
    flowFiles: true,
    reportPath: undefined,
    ...changes,
  }
}

export const testRun: RunInformation = {
  version: '9.9.9',
  nodeVersion: 'v99.0.0',
  commandLine: ['tcpflow', '-r', 'a & b.pcap', '-o', '<out>'],
  startTime: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
  system: {
    name: 'Linux',
    release: '6.1.0',
    version: '#1 SMP',
    host: 'workbench',
    architecture: 'x64',
    userId: 1000,
    userName: 'ada',
  },
  usage: () => undefined,
}

export interface ConnectionFields {
  client?: Endpoint
  server?: Endpoint
  id?: number
  slot?: number
  occurrence?: number
  vlanId?: number
  resumed?: boolean
  /** Of the first packet. */
  seconds?: number
  nanos?: number
}

export const CLIENT = new Endpoint(4, 0, 0, 0, 0xc0a80166 | 0, 50955)
export const SERVER = new Endpoint(4, 0, 0, 0, 0x4a7d1368, 80)
export const CLIENT_6 = new Endpoint(6, 0xfd000000 | 0, 0, 0, 2, 40000)
export const SERVER_6 = new Endpoint(6, 0xfd000000 | 0, 0, 0, 3, 80)
/** What the flows between CLIENT and SERVER are called. */
export const TO_SERVER = '192.168.001.102.50955-074.125.019.104.00080'
export const TO_CLIENT = '074.125.019.104.00080-192.168.001.102.50955'

export function makeConnection(fields: ConnectionFields = {}): Connection {
  const c = new Connection(fields.client ?? CLIENT, fields.server ?? SERVER, new Stream(), new Stream())
  c.id = fields.id ?? 1
  c.slot = fields.slot ?? 0
  c.occurrence = fields.occurrence ?? 0
  c.vlanId = fields.vlanId ?? -1
  c.resumed = fields.resumed ?? false
  c.openTime.seconds = fields.seconds ?? 1_362_692_526
  c.openTime.nanos = fields.nanos ?? 869_344_000
  for (const [d, stream] of c.streams.entries()) {
    stream.sourceMacHigh = d === 0 ? 0x020000 : 0x021111
    stream.sourceMacLow = 0x000001
    stream.destinationMacHigh = d === 0 ? 0x021111 : 0x020000
    stream.destinationMacLow = 0x000001
  }
  return c
}

/** Tells a consumer about one connection as the flow table would: offsets move after each delivery. */
export class Talk {
  readonly connection: Connection
  readonly #consumer: StreamConsumer
  readonly #now: Timestamp

  constructor(consumer: StreamConsumer, fields: ConnectionFields = {}, offsets: [number, number] = [0, 0]) {
    this.connection = makeConnection(fields)
    this.#consumer = consumer
    this.#now = this.connection.openTime.clone()
    this.connection.streams[0].offset = offsets[0]
    this.connection.streams[1].offset = offsets[1]
    consumer.onOpen(this.connection, this.#now)
  }

  /** A packet without payload. */
  packet(d: Direction): this {
    const stream = this.connection.streams[d]
    if (stream.packets++ === 0) stream.firstPacketTime.set(this.#now)
    stream.lastPacketTime.set(this.#now)
    return this
  }

  send(d: Direction, payload: string | Buffer): this {
    this.packet(d)
    const bytes = Buffer.from(payload)
    // with something around it, and gone afterwards: payload is lent
    const lent = Buffer.concat([Buffer.from('<<'), bytes, Buffer.from('>>')])
    this.#consumer.onData(this.connection, d, this.connection.streams[d].offset, lent, 2, 2 + bytes.length, this.#now)
    lent.fill('?')
    this.connection.streams[d].offset += bytes.length
    this.connection.streams[d].bytes += bytes.length
    this.#tick()
    return this
  }

  gap(d: Direction, missing: number): this {
    const stream = this.connection.streams[d]
    this.#consumer.onGap(this.connection, d, stream.offset, missing, 'network', this.#now)
    stream.offset += missing
    stream.gaps++
    stream.missingBytes += missing
    return this
  }

  late(d: Direction, offset: number, payload: string | Buffer): this {
    this.packet(d)
    const bytes = Buffer.from(payload)
    this.#consumer.onLateData(this.connection, d, offset, bytes, 0, bytes.length, this.#now)
    this.#tick()
    return this
  }

  close(why: CloseReason = 'finished'): this {
    this.#consumer.onClose(this.connection, why, this.#now)
    return this
  }

  #tick(): void {
    this.#now.nanos += 1_000_000
    if (this.#now.nanos < 1e9) return
    this.#now.seconds++
    this.#now.nanos -= 1e9
  }
}

/** Every file below the folder with its contents, as text: `{ 'a/b': 'hello' }`. Symbolic links as `-> `. */
export function contents(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  if (!existsSync(folder)) return found
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) found[relative(folder, path)] = '-> '
    else if (!lstatSync(path).isDirectory()) found[relative(folder, path)] = readFileSync(path, 'latin1')
  }
  return found
}

export function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}

/** Descriptors that this process has open below the folder: what runs it has others, that come and go. */
export function openDescriptors(folder: string): number {
  const targets = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target.startsWith(`${folder}/`)).length
}

/** A tmpfs that goes away with the test; undefined, and said so, where we may not mount. */
export function mountTmpfs(t: TestContext, options: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmdirSync(folder)
    console.error('cannot mount a tmpfs here (needs root): full and read-only disks are not tried')
    return undefined
  }
  t.after(() => {
    execFileSync('umount', [folder])
    rmdirSync(folder)
  })
  return folder
}
