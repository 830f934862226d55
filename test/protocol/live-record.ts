// Runs real bytes of real programs through exchange parsing: what a proxy or a server sees, with the time of day.

import net from 'node:net'
import { Connection, type Direction, Stream } from '../../src/core/connection.ts'
import { Endpoint } from '../../src/core/endpoint.ts'
import type { Exchange, ExchangeConsumer } from '../../src/core/exchange.ts'
import { elapsedMicros, Timestamp } from '../../src/core/timestamp.ts'
import type { ExchangeStreams } from '../../src/protocol/exchange-streams.ts'

export interface Seen {
  command: string
  request: string
  status: string
  statusText: string
  retries: number
  bytes: [number, number]
  /** From the request's first byte to the response's first and last. */
  millis: [number, number]
}

export class SeenExchanges implements ExchangeConsumer {
  readonly all: Seen[] = []

  onExchange(e: Exchange): void {
    const since = (t: Timestamp) => elapsedMicros(e.requestStart, t) / 1000
    this.all.push({
      command: e.command,
      request: e.request,
      status: e.status,
      statusText: e.statusText,
      retries: e.retries,
      bytes: [e.requestBytes, e.responseBytes],
      millis: [since(e.responseStart), since(e.responseEnd)],
    })
  }
}

export function now(): Timestamp {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000)
  return new Timestamp(Math.floor(micros / 1e6), (micros % 1e6) * 1000)
}

let slots = 0

/** A connection whose bytes are handed over as they come. */
export class LiveConnection {
  readonly connection: Connection
  readonly #streams: ExchangeStreams

  constructor(streams: ExchangeStreams, serverPort: number) {
    this.#streams = streams
    this.connection = new Connection(
      new Endpoint(4, 0, 0, 0, 0x7f000001, 40000),
      new Endpoint(4, 0, 0, 0, 0x7f000001, serverPort),
      new Stream(),
      new Stream(),
    )
    this.connection.slot = slots++
    this.connection.openerKnown = true
    streams.onOpen(this.connection, now())
  }

  data(d: Direction, bytes: Buffer): void {
    this.#streams.onData(this.connection, d, 0, bytes, 0, bytes.length, now())
  }

  close(): void {
    this.connection.streams[0].sawFin = true
    this.connection.streams[1].sawFin = true
    this.#streams.onClose(this.connection, 'finished', now())
  }
}

/** A proxy on loopback to `port`; resolves to its server, which the caller closes. */
export async function recordingProxy(streams: ExchangeStreams, port: number): Promise<net.Server> {
  const proxy = net.createServer((client) => {
    const live = new LiveConnection(streams, port)
    const server = net.connect(port, '127.0.0.1')
    client.on('data', (bytes) => {
      live.data(0, bytes)
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      live.data(1, bytes)
      client.write(bytes)
    })
    client.on('end', () => server.end())
    server.on('end', () => client.end())
    client.on('error', () => server.destroy())
    server.on('error', () => client.destroy())
    let open = 2
    const closed = () => {
      if (--open === 0) live.close()
    }
    client.on('close', closed)
    server.on('close', closed)
  })
  await listening(proxy)
  return proxy
}

/** Resolves to the port. */
export async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return portOf(server)
}

export function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port
}
