// Between the pipeline and one script: copies what the script wants to hear into a queue, and lets the script work
// between two chunks of input, in turns that are short enough for signals to be handled.

import { closeSync, openSync, statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import type { CloseReason, Connection, Direction, GapCause } from '../core/connection.ts'
import type { DatagramConsumer, RawSegmentConsumer, Sink, StreamConsumer } from '../core/consumers.ts'
import { OperatorError } from '../core/errors.ts'
import type { Messages, Names } from '../core/ports.ts'
import type { Datagram, Segment } from '../core/segment.ts'
import type { TimedExchange, TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { Timestamp } from '../core/timestamp.ts'
import { ConnectionViews, stateOf } from './connection-views.ts'
import { AddressTexts, copyOf, exchangeView, microsOf, packetView } from './event-views.ts'
import { HOOKS, type Hook, type ScriptEngine, ScriptError, ScriptQueue, type ScriptWorld } from './script-engine.ts'

/** How long a script works before the event loop gets a turn. */
const TURN_MILLIS = 40
const MODULES = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'])
const NOTHING = Buffer.alloc(0)

export interface ScriptParts {
  /** As the operator wrote it. */
  readonly path: string
  readonly cwd: string
  /** Takes what the script prints; the bytes are copied. */
  readonly print: (bytes: Uint8Array) => void
  readonly printError: (bytes: Uint8Array) => void
  /**
   * Shows what was printed so far: called when the script has worked for a while, and when it has nothing more to do.
   */
  readonly flushOutput: () => void
  readonly messages: Messages
  readonly names: Names | undefined
  /** See ScriptWorld. */
  readonly importModule?: ScriptWorld['importModule']
  /** Hooks that can never be called in this run, and why. */
  readonly neverCalled?: ReadonlyMap<Hook, string>
  /** What to say of a script that has only such hooks. */
  readonly alone?: string
}

/**
 * Loads a script and runs it once. It is taken for Lua, unless its name ends like that of a JavaScript or TypeScript
 * module. Rejects with OperatorError if it cannot be read, is not a correct program, fails, or has none of the
 * functions that are called.
 */
export async function openScript(parts: ScriptParts): Promise<ScriptConsumer> {
  const consumer = new ScriptConsumer(parts)
  await consumer.load()
  return consumer
}

/**
 * Everything that a script can be told. An error of the script ends the script, is printed, and makes `failed` true.
 */
export class ScriptConsumer
  implements RawSegmentConsumer, DatagramConsumer, StreamConsumer, TimedExchangeConsumer, Sink, ScriptWorld
{
  failed = false
  /** The exit code with which the script has asked for the end of the run. */
  exitCode: number | undefined = undefined
  /** Called when the script asks for the end; set by the code that drives the run. */
  onStop: () => void = () => {}
  readonly print: (bytes: Uint8Array) => void
  readonly printError: (bytes: Uint8Array) => void
  readonly importModule: ScriptWorld['importModule']
  readonly #parts: ScriptParts
  readonly #queue = new ScriptQueue()
  readonly #addresses = new AddressTexts()
  readonly #connections: ConnectionViews
  #engine: ScriptEngine | undefined
  #wantsConnections = false
  #wantsData = false
  #abandoned = false
  #finishing = false

  constructor(parts: ScriptParts) {
    this.#parts = parts
    this.print = parts.print
    this.printError = parts.printError
    this.importModule = parts.importModule
    this.#connections = new ConnectionViews(parts.names)
  }

  async load(): Promise<void> {
    const { path, cwd } = this.#parts
    const file = resolve(cwd, path)
    try {
      closeSync(openSync(file, 'r'))
      if (statSync(file).isDirectory())
        throw new OperatorError(`${path} is a folder`, 'a script is a file: slow.lua, slow.mjs')
      this.#engine = await loadEngine(file, this)
    } catch (error) {
      throw asOperatorError(error, path)
    }
    this.#wantsConnections = this.hears('onConnection')
    this.#wantsData = this.hears('onData')
    this.#sayNeverCalled()
  }

  #sayNeverCalled(): void {
    const { path, neverCalled = new Map<Hook, string>(), alone, messages } = this.#parts
    const idle = [...neverCalled].filter(([hook]) => this.hears(hook))
    const hasOthers = HOOKS.some((hook) => hook !== 'onEnd' && this.hears(hook) && !neverCalled.has(hook))
    if (idle.length > 0 && !hasOthers && alone !== undefined) messages.info(`${path} ${alone}`)
    else for (const [hook, why] of idle) messages.info(`${path}: ${hook} ${why}`)
  }

  /** Whether the script has this hook. */
  hears(hook: Hook): boolean {
    return this.#engine?.hooks.has(hook) ?? false
  }

  onRawSegment(segment: Segment): void {
    if (this.#listening) this.#queue.push({ hook: 'onPacket', packet: packetView(segment, segment, this.#addresses) })
  }

  onDatagram(datagram: Datagram): void {
    if (this.#listening)
      this.#queue.push({ hook: 'onPacket', packet: packetView(datagram, undefined, this.#addresses) })
  }

  onOpen(c: Connection): void {
    if (!this.#wantsConnections || !this.#listening) return
    this.#queue.push({ hook: 'onConnection', connection: this.#connections.of(c), state: stateOf(c), event: 'open' })
  }

  onData(c: Connection, d: Direction, offset: number, buf: Buffer, start: number, end: number, t: Timestamp): void {
    if (this.#wantsData && this.#listening) this.#pushData(c, d, offset, copyOf(buf, start, end), 0, t)
  }

  onGap(c: Connection, d: Direction, offset: number, missing: number, _cause: GapCause, t: Timestamp): void {
    if (this.#wantsData && this.#listening) this.#pushData(c, d, offset, NOTHING, missing, t)
  }

  onLateData(): void {}

  onClose(c: Connection, why: CloseReason, t: Timestamp): void {
    if (!this.#listening) return
    if (this.#wantsConnections) {
      const connection = this.#connections.of(c)
      this.#queue.push({ hook: 'onConnection', connection, state: stateOf(c, microsOf(t), why), event: 'close' })
    }
    this.#connections.forget(c)
  }

  onTimedExchange(timed: TimedExchange): void {
    if (this.#listening) this.#queue.push({ hook: 'onExchange', exchange: exchangeView(timed, this.#parts.names) })
  }

  get blocked(): boolean {
    return this.#engine !== undefined && (this.#queue.length > 0 || this.#engine.saturated)
  }

  /** There is something to wait for: queued traffic, an async hook, or the last hook. */
  get busy(): boolean {
    return this.#engine !== undefined && (this.blocked || this.#finishing)
  }

  /** Lets the script work until nothing is queued. */
  async drain(): Promise<void> {
    while (this.blocked) {
      this.#work()
      this.#parts.flushOutput()
      if (this.#engine?.saturated) await this.#engine.settle()
      else if (this.blocked) await new Promise((next) => setImmediate(next))
    }
  }

  flush(): void {
    this.#work()
    this.#engine?.flush()
  }

  async finish(): Promise<void> {
    this.#finishing = true
    await this.drain()
    if (this.#engine === undefined) return
    try {
      if (!this.#abandoned) await this.#engine.end()
    } catch (error) {
      this.#fault(error)
    }
    this.#close()
  }

  /** Drops what is queued, and waits for nothing. */
  abandon(): void {
    this.#abandoned = true
    this.#close()
  }

  // Requests of the script itself.

  stop(exitCode: number): void {
    this.exitCode ??= exitCode
    this.#queue.clear()
    this.onStop()
  }

  fail(error: ScriptError): void {
    this.#fault(error)
  }

  get #listening(): boolean {
    return this.#engine !== undefined && this.exitCode === undefined
  }

  #work(): void {
    if (this.#engine === undefined || this.#queue.length === 0) return
    try {
      this.#engine.run(this.#queue, TURN_MILLIS)
    } catch (error) {
      this.#fault(error)
    }
  }

  /** An error of the script: the script ends here, but the run goes on. */
  #fault(error: unknown): void {
    if (!(error instanceof ScriptError)) throw error
    if (this.failed) return
    this.failed = true
    this.#parts.messages.error(error.message, 'the script gets nothing more; everything else goes on')
    this.#close()
  }

  #close(): void {
    const engine = this.#engine
    this.#engine = undefined
    this.#queue.clear()
    engine?.close()
  }

  #pushData(c: Connection, d: Direction, offset: number, data: Buffer, missingBytes: number, t: Timestamp): void {
    const connection = this.#connections.of(c)
    this.#queue.push({
      hook: 'onData',
      state: stateOf(c),
      data: {
        connection,
        direction: d === 0 ? 'client' : 'server',
        timeMicros: microsOf(t),
        offset,
        data,
        missingBytes,
      },
    })
  }
}

async function loadEngine(path: string, world: ScriptWorld): Promise<ScriptEngine> {
  if (MODULES.has(extname(path))) return (await import('./module-script.ts')).loadModuleScript(path, world)
  return (await import('./lua-script.ts')).loadLuaScript(path, world)
}

function asOperatorError(error: unknown, path: string): unknown {
  if (error instanceof ScriptError) return new OperatorError(error.message)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new OperatorError(`${path}: there is no such file`)
  if (code === 'EACCES') return new OperatorError(`${path} may not be read`)
  return error
}
