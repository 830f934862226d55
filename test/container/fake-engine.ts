// An engine that answers what a test wants, on a Unix socket in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { type EngineOptions, openEngine } from '../../src/container/docker-engine.ts'
import type { Engine } from '../../src/container/engine.ts'
import type { UnixAddress } from '../../src/container/engine-address.ts'

export interface FakeRequest {
  readonly method: string
  /** Without the API's version and the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

export type Answer = (response: http.ServerResponse, request: FakeRequest) => void
export type Upgrade = (socket: Duplex, request: FakeRequest) => void

/** JSON as an answer. */
export function json(value: unknown, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
}

export class FakeEngine {
  readonly path: string
  /** `GET /containers/json`, in the order in which they came; without pings. */
  readonly requests: FakeRequest[] = []
  readonly server = http.createServer()
  /** By `METHOD /path`; what comes last counts. */
  readonly #answers = new Map<string, Answer>()
  readonly #upgrades = new Map<string, Upgrade>()
  readonly #sockets = new Set<Duplex>()

  constructor(path: string) {
    this.path = path
    this.on('GET /_ping', (response) => response.setHeader('Api-Version', '1.41').end('OK'))
    this.server.on('connection', (socket: Duplex) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    })
    this.server.on('request', (message, response) => {
      read(message).then((request) => {
        this.#note(request)
        const answer = this.#answers.get(`${request.method} ${request.path}`)
        if (answer !== undefined) answer(response, request)
        else json({ message: 'page not found' }, 404)(response, request)
      })
    })
    this.server.on('upgrade', (message, socket: Duplex) => {
      const request = parse(message, '')
      this.#note(request)
      const upgrade = this.#upgrades.get(`${request.method} ${request.path}`)
      if (upgrade !== undefined) upgrade(socket, request)
      else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    })
  }

  get address(): UnixAddress {
    return { kind: 'unix', name: 'unix:///fake', origin: '', path: this.path }
  }

  get log(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`)
  }

  /** Pings are `GET /_ping`. */
  on(what: string, answer: Answer): this {
    this.#answers.set(what, answer)
    return this
  }

  onUpgrade(what: string, upgrade: Upgrade): this {
    this.#upgrades.set(what, upgrade)
    return this
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.path, resolve))
  }

  /** As when the engine is restarted: every connection ends. */
  async shutDown(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #note(request: FakeRequest): void {
    if (request.path !== '/_ping') this.requests.push(request)
  }
}

async function read(message: http.IncomingMessage): Promise<FakeRequest> {
  let body = ''
  for await (const chunk of message.setEncoding('utf8')) body += chunk
  return parse(message, body)
}

function parse(message: http.IncomingMessage, body: string): FakeRequest {
  const url = new URL(`http://fake${message.url}`)
  const path = url.pathname.replace(/^\/v1\.\d+\//, '/')
  return { method: message.method!, path, query: url.searchParams, body }
}

/** Listens, and is gone after the test. */
export async function fakeEngine(t: TestContext): Promise<FakeEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-engine-'))
  const fake = new FakeEngine(join(folder, 's'))
  await fake.listen()
  t.after(async () => {
    if (fake.server.listening) await fake.shutDown()
    rmSync(folder, { recursive: true, force: true })
  })
  return fake
}

export async function connect(t: TestContext, fake: FakeEngine, options?: EngineOptions): Promise<Engine> {
  const engine = await openEngine(fake.address, options)
  t.after(() => engine.close())
  return engine
}
