// What dockerode sends its requests by, in place of docker-modem: that one looks at the environment by itself, follows an
// engine's redirections anywhere, takes answers of any size and waits for ever.

import http from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { EngineRefusal, timeoutError } from './connection-errors.ts'
import type { EngineConnections } from './engine-connections.ts'

/** A request as dockerode describes it. */
export interface EngineCall {
  readonly path: string
  readonly method: string
  readonly options?: CallOptions | undefined
  /** The answer's body is a stream (Readable). */
  readonly isStream?: boolean | undefined
  /** The connection itself is the answer (Duplex). */
  readonly hijack?: boolean | undefined
  /** Whoever has one decides how long the call may take. */
  readonly abortSignal?: AbortSignal | undefined
}

/** `_query` and `_body` where they differ; else both are all of it. */
interface CallOptions {
  readonly _query?: Readonly<Record<string, unknown>>
  readonly _body?: unknown
  readonly [name: string]: unknown
}

type Answered = (error: Error | null, answer?: unknown) => void

/** A list of thousands of containers has some megabytes. */
const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024
const MAXIMUM_REFUSAL_BYTES = 64 * 1024
/** What an engine says why it refuses, as much as fits a line or two. */
const MAXIMUM_REFUSAL_CHARACTERS = 400
/** No version is needed for the one; the other has its own. */
const UNVERSIONED = /^\/(_ping$|v\d)/
/** dockerode's own, and no part of a request. */
const NOT_SENT = new Set(['abortSignal', 'authconfig', 'hijack', '_query', '_body'])

export class EngineTransport {
  /** dockerode makes its promises with this. */
  Promise: PromiseConstructor = Promise
  /** `1.41`; '' asks for the engine's newest. */
  apiVersion = ''
  readonly #connections: EngineConnections
  readonly #hostHeader: string
  readonly #answerMillis: number
  #adapted = false

  constructor(connections: EngineConnections, hostHeader: string, answerMillis: number) {
    this.#connections = connections
    this.#hostHeader = hostHeader
    this.#answerMillis = answerMillis
  }

  /** dockerode's way to ask. It takes an id out of some answers without a look at what they are. */
  dial(call: EngineCall, answered: Answered): void {
    this.request(call).then(
      (answer) => answered(null, typeof answer === 'object' && answer !== null ? answer : {}),
      (error) => answered(error),
    )
  }

  /**
   * The parsed JSON of the answer (undefined without or when it is none), or its stream. Rejects with EngineRefusal, or with
   * the connection's error.
   */
  async request(call: EngineCall): Promise<unknown> {
    for (;;) {
      try {
        return await new Exchange(call, this.#connections, this.#limit(call)).run(
          this.#requestOptions(call),
          bodyOf(call),
        )
      } catch (error) {
        // The engine may close an idle connection just when it is used again. What makes nothing may be asked twice, and
        // each try uses one of the old connections up.
        if (error instanceof ReusedConnectionLost) {
          if (call.method === 'POST') throw error.cause
        } else if (!this.#adaptsTo(error)) throw error
      }
    }
  }

  /** An engine to which our version is too old names the oldest that it still speaks. */
  #adaptsTo(error: unknown): boolean {
    if (this.#adapted || !(error instanceof EngineRefusal) || error.statusCode !== 400) return false
    const minimum = /minimum supported API version is (1\.\d{1,4})\b/i.exec(error.message)?.[1]
    if (minimum === undefined) return false
    this.#adapted = true
    this.apiVersion = minimum
    return true
  }

  /** Headers of GET /_ping, the one request that no version is needed for. */
  async ping(): Promise<http.IncomingHttpHeaders> {
    const answer = await this.request({ path: '/_ping', method: 'GET', isStream: true })
    const message = answer as http.IncomingMessage
    message.on('error', () => {}).resume()
    return message.headers
  }

  #limit(call: EngineCall): number {
    return call.abortSignal === undefined ? this.#answerMillis : 0
  }

  #requestOptions(call: EngineCall): http.RequestOptions {
    const body = bodyOf(call)
    const versioned =
      this.apiVersion === '' || UNVERSIONED.test(call.path) ? call.path : `/v${this.apiVersion}${call.path}`
    const headers: Record<string, string | number> = { Host: this.#hostHeader }
    if (body !== '') {
      headers['Content-Type'] = 'application/json'
      headers['Content-Length'] = Buffer.byteLength(body)
    }
    if (call.hijack) {
      headers.Connection = 'Upgrade'
      headers.Upgrade = 'tcp'
    }
    return {
      agent: this.#connections,
      method: call.method,
      path: versioned.replace(/\?$/, queryOf(call)),
      headers,
      ...(call.abortSignal === undefined ? {} : { signal: call.abortSignal }),
    }
  }
}

class ReusedConnectionLost extends Error {}

/** One request and its answer. */
class Exchange {
  readonly #call: EngineCall
  readonly #connections: EngineConnections
  readonly #what: string
  readonly #limitMillis: number
  #timer: NodeJS.Timeout | undefined = undefined
  #late: Error | undefined = undefined

  constructor(call: EngineCall, connections: EngineConnections, limitMillis: number) {
    this.#call = call
    this.#connections = connections
    this.#what = `${call.method} ${call.path.replace(/\?$/, '')}`
    this.#limitMillis = limitMillis
  }

  async run(options: http.RequestOptions, body: string): Promise<unknown> {
    try {
      return await this.#exchange(options, body)
    } catch (error) {
      // Within the answer's body Node tells it as any other end of the connection.
      throw this.#late ?? error
    } finally {
      clearTimeout(this.#timer)
    }
  }

  #exchange(options: http.RequestOptions, body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = http.request(options)
      if (this.#limitMillis > 0) {
        const seconds = this.#limitMillis / 1000
        this.#timer = setTimeout(() => {
          this.#late = timeoutError(`no answer in ${seconds} s to ${this.#what}`)
          request.destroy(this.#late)
        }, this.#limitMillis)
      }
      request.on('error', (error: NodeJS.ErrnoException) => {
        const lost = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        reject(lost ? new ReusedConnectionLost(error.message, { cause: error }) : error)
      })
      request.on('upgrade', (_message, socket: Duplex, head: Buffer) => {
        socket.on('error', () => {}) // until it has a reader
        if (head.length > 0) socket.unshift(head)
        this.#connections.release(socket)
        resolve(socket)
      })
      request.on('response', (message) => {
        this.#answer(message).then(resolve, reject)
      })
      request.end(body)
    })
  }

  async #answer(message: http.IncomingMessage): Promise<unknown> {
    const status = message.statusCode ?? 0
    // Once somebody reads it, its errors are that reader's; this one keeps an abandoned one from being nobody's.
    message.on('error', () => {})
    if (status < 200 || status > 299) {
      if (status === 304) {
        message.resume() // already so
        return undefined
      }
      throw new EngineRefusal(status, await refusalText(message))
    }
    if (this.#call.hijack) {
      message.destroy()
      throw new EngineRefusal(status, 'it (or a proxy before it) does not hand the connection over')
    }
    if (this.#call.isStream) return message
    const bytes = await readBytes(message, MAXIMUM_ANSWER_BYTES)
    if (bytes.length > MAXIMUM_ANSWER_BYTES) throw new EngineRefusal(status, 'its answer is too large')
    return parseJson(bytes.toString('utf8'))
  }
}

function bodyOf({ method, options }: EngineCall): string {
  if (method !== 'POST' || options === undefined) return ''
  const body = JSON.stringify(options._body ?? sentOf(options))
  return body === '{}' ? '' : body
}

function queryOf({ options }: EngineCall): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(options?._query ?? sentOf(options ?? {}))) {
    if (value !== undefined) query.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  return query.size === 0 ? '' : `?${query}`
}

function sentOf(options: CallOptions): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !NOT_SENT.has(name)))
}

/** The engine's reason: its `message`, else the text as it is, else the status. */
async function refusalText(message: http.IncomingMessage): Promise<string> {
  const bytes = await readBytes(message, MAXIMUM_REFUSAL_BYTES).catch(() => undefined)
  const text = bytes?.toString('utf8') ?? ''
  const answer = parseJson(text) as { message?: unknown; cause?: unknown } | undefined
  const reason = typeof answer?.message === 'string' ? answer.message : text
  const line = reason.replace(/\s+/g, ' ').trim().slice(0, MAXIMUM_REFUSAL_CHARACTERS)
  return line === '' ? `${message.statusCode} ${message.statusMessage ?? ''}`.trim() : line
}

/** Not more than `maximumBytes` and a chunk of it. Rejects when it breaks off. */
async function readBytes(stream: Readable, maximumBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > maximumBytes) break
  }
  return Buffer.concat(chunks)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
