// Sends dockerode's requests, in place of docker-modem. That one reads the environment by itself, follows redirections to
// anywhere, takes answers of any size and waits for ever.

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
  /** If given, it alone decides how long the call may take. */
  readonly abortSignal?: AbortSignal | undefined
}

/** `_query` and `_body` if they differ. Otherwise all options are used for both. */
interface CallOptions {
  readonly _query?: Readonly<Record<string, unknown>>
  readonly _body?: unknown
  readonly [name: string]: unknown
}

type Answered = (error: Error | null, answer?: unknown) => void

/** A list of thousands of containers takes some megabytes. */
const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024
const MAXIMUM_REFUSAL_BYTES = 64 * 1024
/** An engine's reason for a refusal is cut to this: a line or two. */
const MAXIMUM_REFUSAL_CHARACTERS = 400
/** The ping needs no version, and Podman's own paths have one. */
const UNVERSIONED = /^\/(_ping$|v\d)/
/** Options for dockerode itself, which are not sent. */
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

  /** Called by dockerode. It reads an id from some answers without a check, so an answer is always an object. */
  dial(call: EngineCall, answered: Answered): void {
    this.request(call).then(
      (answer) => answered(null, typeof answer === 'object' && answer !== null ? answer : {}),
      (error) => answered(error),
    )
  }

  /**
   * Resolves to the JSON of the answer (undefined if it has none), or to its stream. Rejects with EngineRefusal, or with the
   * connection's error.
   */
  async request(call: EngineCall): Promise<unknown> {
    for (;;) {
      try {
        return await new Exchange(call, this.#connections, this.#limit(call)).run(
          this.#requestOptions(call),
          bodyOf(call),
        )
      } catch (error) {
        // The engine may close an idle connection just when it is used again. A call that changes nothing is made again. Each
        // try uses up one of the old connections.
        if (error instanceof ReusedConnectionLost) {
          if (call.method === 'POST') throw error.cause
        } else if (!this.#adaptsTo(error)) throw error
      }
    }
  }

  /** An engine that finds our version too old names the oldest that it speaks. */
  #adaptsTo(error: unknown): boolean {
    if (this.#adapted || !(error instanceof EngineRefusal) || error.statusCode !== 400) return false
    const minimum = /minimum supported API version is (1\.\d{1,4})\b/i.exec(error.message)?.[1]
    if (minimum === undefined) return false
    this.#adapted = true
    this.apiVersion = minimum
    return true
  }

  /** The headers of GET /_ping, which needs no version. */
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
      // If the timer ends the answer's body, Node reports just an end of the connection.
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
    // A reader has its own handler. This one is for an answer that nobody reads, whose error would end the program.
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

/** The engine's reason: its `message`, or the text of the answer, or the status. */
async function refusalText(message: http.IncomingMessage): Promise<string> {
  const bytes = await readBytes(message, MAXIMUM_REFUSAL_BYTES).catch(() => undefined)
  const text = bytes?.toString('utf8') ?? ''
  const answer = parseJson(text) as { message?: unknown; cause?: unknown } | undefined
  const reason = typeof answer?.message === 'string' ? answer.message : text
  const line = reason.replace(/\s+/g, ' ').trim().slice(0, MAXIMUM_REFUSAL_CHARACTERS)
  return line === '' ? `${message.statusCode} ${message.statusMessage ?? ''}`.trim() : line
}

/** Reads at most `maximumBytes` and a chunk. Rejects if the stream breaks off. */
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
