// Starts the broker, while this process still has the rights that it needs, and asks it for privileged acts afterwards: from
// this process, or from the program that takes its place without those rights (pipeline/confinement.ts).

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { OperatorError } from '../core/errors.ts'
import { type BrokerAsk, type BrokerCommand, type BrokerReply, LineReader } from './broker-messages.ts'
import { captureKind } from './broker-requests/capture.ts'
import { capabilitiesOf, type RequestType } from './broker-requests.ts'
import { narrowingWrapper } from './capabilities.ts'
import { type CaptureExit, type CaptureProgram, environmentOfChildren } from './capture-process.ts'
import type { CaptureRequest } from './capture-request.ts'
import type { CaptureChild, CaptureLauncher } from './launcher.ts'

/** Where the broker listens: plain data, so that it can be handed to the program that takes this one's place. */
export interface BrokerAddress {
  /** An abstract Unix socket, or where there are none a port of 127.0.0.1. */
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number }
  /** A secret: who knows it may send requests. */
  readonly token: string
}

/** What the broker is started with, in its environment (which only its own user may read). */
export interface BrokerOptions {
  readonly token: string
  readonly program: CaptureProgram
  readonly requestTypes: readonly RequestType[]
}

/**
 * Starts the broker with those of our capabilities that `requestTypes` need. It serves one client, which has to connect soon,
 * and ends with it, or when this process ends before that. `wrapper`: a command in front of it, which gives it rights that we
 * have not.
 */
export async function startBroker(
  program: CaptureProgram,
  brokerPath: string,
  requestTypes: readonly RequestType[],
  wrapper: readonly string[] = [],
): Promise<BrokerAddress> {
  const token = randomBytes(32).toString('hex')
  // the socket listens before the broker runs, so nobody has to wait for that
  const server = createServer()
  const path = process.platform === 'linux' ? `\0tcpflow-${randomBytes(16).toString('hex')}` : undefined
  server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
  await once(server, 'listening')
  const bound = server.address()
  const at =
    path === undefined && typeof bound === 'object'
      ? { host: '127.0.0.1', port: bound?.port ?? 0 }
      : { path: path ?? '' }
  const options: BrokerOptions = { token, program, requestTypes }
  const narrowing = program.narrow ? narrowingWrapper(capabilitiesOf(requestTypes)) : []
  const [command, ...args] = [...wrapper, ...narrowing, program.execPath, brokerPath]
  const { _handle } = server as unknown as { _handle: 'pipe' } // Node takes it; its types do not say so
  const broker: ChildProcess = spawn(command!, args, {
    stdio: ['ignore', 'ignore', 'inherit', _handle],
    // The terminal's Ctrl-C is for the program alone, which then stops its captures in order.
    detached: true,
    env: { ...environmentOfChildren(), TCPFLOW_BROKER: JSON.stringify(options) },
  })
  broker.on('error', () => {}) // then nobody listens, and the asker is told
  broker.unref()
  server.close()
  return { at, token }
}

/** How long a broker may take to close its end. */
const CLOSE_PATIENCE_MILLIS = 2000

/** A request that waits for its answer. */
interface Expected {
  started(): void
  answered(value: unknown): void
  refused(error: OperatorError): void
  exited(exit: CaptureExit): void
}

/** A client's connection to a broker. */
export class Broker implements CaptureLauncher {
  readonly #address: BrokerAddress
  readonly #expected = new Map<number, Expected>()
  #control: Promise<Socket> | undefined
  #lastId = 0
  #ended = false

  constructor(address: BrokerAddress) {
    this.#address = address
  }

  /** Rejects with OperatorError: refused, or the broker is gone. */
  async launch(request: CaptureRequest): Promise<CaptureChild> {
    await this.#connected()
    const id = ++this.#lastId
    let exited: Expected['exited'] = () => {}
    const exit = new Promise<CaptureExit>((resolve) => {
      exited = resolve
    })
    const data = connect(this.#address.at)
    data.on('error', () => {}) // the broker is gone, and that is told
    const started = new Promise<void>((resolve, reject) => {
      this.#expect(id, { started: resolve, refused: reject, exited })
    })
    const ask: BrokerAsk = { id, type: captureKind(request), request }
    data.write(`${JSON.stringify({ token: this.#address.token, ask })}\n`)
    try {
      await started
    } catch (error) {
      data.destroy()
      throw error instanceof OperatorError ? new OperatorError(`cannot capture: ${error.message}`) : error
    }
    return {
      data,
      exited: exit,
      stop: () => this.#send({ type: 'stop', id }),
      kill: () => this.#send({ type: 'kill', id }),
    }
  }

  /** Asks for something whose answer is bytes. Rejects with OperatorError. */
  async read(type: RequestType, request: unknown): Promise<Buffer> {
    await this.#connected()
    const id = ++this.#lastId
    const data = connect(this.#address.at)
    const chunks: Buffer[] = []
    const ended = new Promise<void>((resolve) => data.on('close', resolve))
    data.on('error', () => {}) // `close` follows
    data.on('data', (chunk: Buffer) => chunks.push(chunk))
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#expect(id, { answered: resolve, refused: reject })
    })
    const ask: BrokerAsk = { id, type, request }
    data.write(`${JSON.stringify({ token: this.#address.token, ask })}\n`)
    try {
      const { bytes } = (await answer) as { bytes: number }
      await ended
      const content = Buffer.concat(chunks)
      if (content.length !== bytes) throw new OperatorError(BROKER_ENDED)
      return content
    } finally {
      data.destroy()
    }
  }

  /** Asks for something whose answer is plain data. Rejects with OperatorError. */
  async ask(type: RequestType, request: unknown): Promise<unknown> {
    await this.#connected()
    const id = ++this.#lastId
    return await new Promise((resolve, reject) => {
      this.#expect(id, { answered: resolve, refused: reject })
      this.#send({ ask: { id, type, request } })
    })
  }

  async close(): Promise<void> {
    const control = await this.#control?.catch(() => undefined)
    if (this.#ended || control === undefined) return
    const closed = once(control, 'close')
    control.end()
    // A broker that does not answer must not hold up the end of a run: it ends by itself when its client has gone.
    const late = setTimeout(() => control.destroy(), CLOSE_PATIENCE_MILLIS)
    await closed
    clearTimeout(late)
  }

  #expect(id: number, parts: Partial<Expected> & Pick<Expected, 'refused'>): void {
    if (this.#ended) parts.refused(new OperatorError(BROKER_ENDED))
    else this.#expected.set(id, { started() {}, answered() {}, exited() {}, ...parts })
  }

  #connected(): Promise<Socket> {
    this.#control ??= new Promise<Socket>((resolve, reject) => {
      const control = connect(this.#address.at)
      const reader = new LineReader()
      control.setEncoding('utf8')
      control.write(`${JSON.stringify({ token: this.#address.token, control: true })}\n`)
      control.on('data', (text: string) => {
        const lines = reader.push(text)
        if (lines === 'too long') control.destroy()
        else
          for (const line of lines) {
            const reply = line as BrokerReply
            if (reply.type === 'ready') resolve(control)
            else this.#onReply(reply)
          }
      })
      control.on('error', () => {}) // `close` follows
      control.on('close', () => {
        this.#onEnd()
        reject(new OperatorError(BROKER_ENDED))
      })
    })
    return this.#control
  }

  #send(command: BrokerCommand): void {
    this.#control?.then(
      (control) => control.write(`${JSON.stringify(command)}\n`),
      () => {},
    )
  }

  #onReply(reply: Exclude<BrokerReply, { type: 'ready' }>): void {
    const expected = this.#expected.get(reply.id)
    if (expected === undefined) return
    if (reply.type === 'started') {
      expected.started()
      return
    }
    this.#expected.delete(reply.id)
    if (reply.type === 'exited') expected.exited(reply.exit)
    else if (reply.type === 'answer') expected.answered(reply.value)
    else expected.refused(new OperatorError(reply.reason))
  }

  #onEnd(): void {
    this.#ended = true
    for (const { refused, exited } of this.#expected.values()) {
      refused(new OperatorError(BROKER_ENDED))
      exited({ exitCode: null, signal: null, stderrTail: BROKER_ENDED })
    }
    this.#expected.clear()
  }
}

const BROKER_ENDED = 'the process that opens interfaces has ended'
