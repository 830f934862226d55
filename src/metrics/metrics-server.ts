// --metrics: HTTP with /metrics for Prometheus, /stats (the JSON of --stats) and /healthz. Readers are strangers: few at a
// time, each with a deadline, and what they are given is made once a second at most.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type ListenAddress, listen } from './listen.ts'
import { Strangers } from './strangers.ts'

const MAXIMUM_CONNECTIONS = 32
const MAXIMUM_HEADER_BYTES = 8192
/** For a request to arrive, and for a connection from its beginning to its end. */
const REQUEST_MILLIS = 5000
const DEADLINE_MILLIS = 15_000
/** Pipelined ones would pile up answers that nobody reads. */
const MAXIMUM_REQUESTS_PER_CONNECTION = 1
const FRESH_MILLIS = 250

export interface MetricsPages {
  readonly metrics: () => Promise<string>
  readonly metricsType: string
  readonly stats: () => string
}

/** The bytes of a page, the same for all who ask within a moment. */
class Page {
  readonly type: string
  readonly #make: () => string | Promise<string>
  #bytes: Promise<Buffer> | undefined = undefined
  #madeAt = 0

  constructor(type: string, make: () => string | Promise<string>) {
    this.type = type
    this.#make = make
  }

  bytes(): Promise<Buffer> {
    const now = performance.now()
    if (this.#bytes === undefined || now - this.#madeAt >= FRESH_MILLIS) {
      this.#bytes = Promise.resolve(this.#make()).then((text) => Buffer.from(text, 'utf8'))
      this.#madeAt = now
    }
    return this.#bytes
  }
}

export class MetricsServer {
  readonly #server: Server
  readonly #pages: ReadonlyMap<string, Page>
  readonly #strangers = new Strangers(DEADLINE_MILLIS)

  constructor(pages: MetricsPages) {
    this.#pages = new Map([
      ['/metrics', new Page(pages.metricsType, pages.metrics)],
      ['/stats', new Page('application/json; charset=utf-8', pages.stats)],
      ['/healthz', new Page('text/plain; charset=utf-8', () => 'ok\n')],
    ])
    this.#server = createServer(
      {
        maxHeaderSize: MAXIMUM_HEADER_BYTES,
        headersTimeout: REQUEST_MILLIS,
        requestTimeout: REQUEST_MILLIS,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => this.#serve(request, response),
    )
    this.#server.maxConnections = MAXIMUM_CONNECTIONS
    this.#server.maxRequestsPerSocket = MAXIMUM_REQUESTS_PER_CONNECTION
    this.#server.on('connection', (socket) => this.#strangers.admit(socket))
  }

  /** Resolves to the port. Rejects with OperatorError. */
  listen(address: ListenAddress): Promise<number> {
    return listen(this.#server, address, '--metrics')
  }

  close(): void {
    this.#server.close()
    this.#strangers.dismiss()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    // a body is of no use here
    request.resume()
    const path = (request.url ?? '').split('?')[0]!
    const page = this.#pages.get(path)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      respond(response, 405, 'text/plain; charset=utf-8', 'only GET\n')
    } else if (page === undefined) {
      respond(response, 404, 'text/plain; charset=utf-8', `there is ${[...this.#pages.keys()].join(', ')}\n`)
    } else {
      page.bytes().then((bytes) => respond(response, 200, page.type, bytes))
    }
  }
}

function respond(response: ServerResponse, status: number, type: string, content: Buffer | string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(content),
    'x-content-type-options': 'nosniff',
  })
  response.end(content)
}
