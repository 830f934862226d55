// --metrics: HTTP with /metrics for Prometheus, /stats (the JSON of --stats) and /healthz. Readers are strangers: bounded in
// number, each with a deadline and one request a connection, and a page is made four times a second at most.

import { createServer, type Server, type Socket } from 'node:net'
import { isLoopbackHost, MAXIMUM_HEAD_BYTES, parseRequestHead, type RequestHead } from './http-request.ts'
import { isLoopbackAddress, type ListenAddress, listen } from './listen.ts'
import { Strangers } from './strangers.ts'

const LIMITS = { connections: 64, mostConnections: 2048, graceMillis: 500, deadlineMillis: 15_000 }
const FRESH_MILLIS = 250
const PLAIN_TEXT = 'text/plain; charset=utf-8'
const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
}

export interface MetricsPages {
  readonly metrics: () => Promise<string>
  readonly metricsType: string
  readonly stats: () => string
}

/** The bytes of a page, shared by everyone who asks within a moment. */
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
  readonly #strangers = new Strangers(LIMITS)
  /** Only programs of this machine can connect: a Host that names another machine is then the work of a web page. */
  #onLoopback = false

  constructor(pages: MetricsPages) {
    this.#pages = new Map([
      ['/metrics', new Page(pages.metricsType, pages.metrics)],
      ['/stats', new Page('application/json; charset=utf-8', pages.stats)],
      ['/healthz', new Page(PLAIN_TEXT, () => 'ok\n')],
    ])
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#receive(socket))
  }

  /** Resolves to the port. Rejects with OperatorError. */
  async listen(address: ListenAddress): Promise<number> {
    const port = await listen(this.#server, address, '--metrics')
    this.#onLoopback = isLoopbackAddress(this.#server)
    return port
  }

  close(): void {
    this.#server.close()
    this.#strangers.dismiss()
  }

  /**
   * Gathers one request; what comes after it is thrown away, so that closing the connection does not reset the answer.
   */
  #receive(socket: Socket): void {
    this.#strangers.admit(socket)
    let head = ''
    const onEnd = (): void => void socket.destroy()
    const onData = (bytes: Buffer): void => {
      head += bytes.toString('latin1', 0, MAXIMUM_HEAD_BYTES + 1 - head.length)
      const request = parseRequestHead(head)
      if (request === undefined && head.length <= MAXIMUM_HEAD_BYTES) return
      socket.off('data', onData).off('end', onEnd).resume()
      this.#strangers.hasAsked(socket)
      if (request === undefined) respond(socket, 431, PLAIN_TEXT, 'the request is too long\n')
      else if (request === 'malformed') respond(socket, 400, PLAIN_TEXT, 'this is no HTTP request\n')
      else this.#answer(socket, request)
    }
    socket.on('data', onData)
    // It has asked for nothing, and never will.
    socket.on('end', onEnd)
  }

  #answer(socket: Socket, { method, path, host }: RequestHead): void {
    const page = this.#pages.get(path)
    if (this.#onLoopback && host !== undefined && !isLoopbackHost(host)) {
      respond(socket, 403, PLAIN_TEXT, 'the Host must be localhost or an address of this machine itself\n')
    } else if (method !== 'GET' && method !== 'HEAD') {
      respond(socket, 405, PLAIN_TEXT, 'only GET\n')
    } else if (page === undefined) {
      respond(socket, 404, PLAIN_TEXT, `there is ${[...this.#pages.keys()].join(', ')}\n`)
    } else {
      const isHead = method === 'HEAD'
      page.bytes().then(
        (bytes) => respond(socket, 200, page.type, bytes, isHead),
        () => respond(socket, 500, PLAIN_TEXT, 'the page could not be made\n', isHead),
      )
    }
  }
}

function respond(socket: Socket, status: number, type: string, content: Buffer | string, headOnly = false): void {
  if (socket.destroyed) return
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n` +
      `Content-Type: ${type}\r\n` +
      `Content-Length: ${Buffer.byteLength(content)}\r\n` +
      `X-Content-Type-Options: nosniff\r\n` +
      `${status === 405 ? 'Allow: GET, HEAD\r\n' : ''}` +
      `Connection: close\r\n\r\n`,
  )
  if (!headOnly) socket.write(content)
  // When everything is sent. The other side must close before the deadline too: a close with unread bytes is a reset.
  socket.end()
}
