// A TCP proxy on loopback that writes down what passes between a real client and a real server, for a parser to read; and
// how to start such a server.

import { type ChildProcess, spawn } from 'node:child_process'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Direction } from '../../src/core/connection.ts'
import { Timestamp } from '../../src/core/timestamp.ts'
import type { ExchangeParser } from '../../src/protocol/exchange-parser.ts'

interface Chunk {
  direction: Direction
  bytes: Buffer
  micros: number
}

/** One proxied connection: its chunks in the order in which they passed. */
export class Recording {
  readonly chunks: Chunk[] = []

  replay(parser: ExchangeParser): void {
    const t = new Timestamp()
    for (const { direction, bytes, micros } of this.chunks) {
      t.seconds = Math.floor(micros / 1e6)
      t.nanos = Math.round(micros % 1e6) * 1000
      parser.onData(direction, bytes, 0, bytes.length, t)
    }
    parser.onClose(t)
  }
}

export class RecordingProxy {
  readonly recordings: Recording[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const recording = new Recording()
      this.recordings.push(recording)
      const server = connect(targetPort, '127.0.0.1')
      this.#relay(client, server, 0, recording)
      this.#relay(server, client, 1, recording)
    })
  }

  #relay(from: Socket, to: Socket, direction: Direction, recording: Recording): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (bytes: Buffer) => {
      recording.chunks.push({ direction, bytes, micros: Date.now() * 1000 })
      to.write(bytes)
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => this.#sockets.delete(from))
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A port of loopback that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server and waits until it answers on its port; undefined when the program is not installed. */
export async function startServer(
  program: string,
  args: readonly string[],
  port: number,
): Promise<ChildProcess | undefined> {
  // its standard input stays open: openssl's s_server closes every connection once it has been read to the end
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] })
  const missing = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(false))
    child.once('error', () => resolve(true))
  })
  if (missing) return undefined
  for (let attempt = 0; attempt < 200; attempt++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (up) return child
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  child.kill('SIGKILL')
  throw new Error(`${program} does not answer on port ${port}`)
}

export async function stopServer(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

/** A client that sends bytes and waits until `count` bytes, or a text, have come back. */
export class RawClient {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #wake: () => void = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake()
    })
  }

  /** Sends, and waits until what came since then ends with `last` (latin1); returns it. */
  async ask(bytes: string | Buffer, last: string): Promise<string> {
    this.#received = Buffer.alloc(0)
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this.receive(last)
  }

  async receive(last: string): Promise<string> {
    while (!this.#received.toString('latin1').endsWith(last)) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${JSON.stringify(last)}: ${this.#received}`)), 5000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    const text = this.#received.toString('latin1')
    this.#received = Buffer.alloc(0)
    return text
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end()
    this.#socket.destroySoon()
    await closed
  }
}
