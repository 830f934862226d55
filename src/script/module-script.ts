// A script that is a JavaScript or TypeScript module: its hooks, its console, and what happens outside of its hooks.

import { execFileSync } from 'node:child_process'
import { Console } from 'node:console'
import { basename, extname } from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { Script as VmScript } from 'node:vm'
import {
  HOOKS,
  type Hook,
  LONGEST_CALL_MILLIS,
  type ScriptEngine,
  ScriptError,
  type ScriptEvent,
  type ScriptQueue,
  type ScriptWorld,
} from './script-engine.ts'
import type { Script, ScriptRun } from './script-types.d.ts'

/** When so many async hooks are running, no more are started before others end. */
const MAXIMUM_UNDER_WAY = 1000
const TYPESCRIPT = /^\.[mc]?ts$/

/** Code that runs inside can be interrupted; see ModuleScript.run. */
const GUARDED_STEP = Symbol.for('tcpflow.script.step')
const guard = new VmScript(`globalThis[Symbol.for('tcpflow.script.step')]()`, { filename: 'tcpflow-script' })

/** Loads a module. Rejects with ScriptError. A hook that computes for `longestCallMillis` is interrupted. */
export async function loadModuleScript(
  path: string,
  world: ScriptWorld,
  longestCallMillis = LONGEST_CALL_MILLIS,
): Promise<ScriptEngine> {
  const name = basename(path)
  const { typescript } = process.features as { typescript?: string | false }
  if (TYPESCRIPT.test(extname(path)) && !typescript && !runsTypeScript()) {
    throw new ScriptError(
      `${name}: this Node.js (${process.version}) cannot run TypeScript: use 22.18 or newer, or write it in JavaScript`,
    )
  }
  const restore = redirectConsole(world)
  try {
    const module = (await (world.importModule ?? importHere)(pathToFileURL(path).href)) as Record<string, unknown>
    return new ModuleScript(path, hooksOf(module, name), world, restore, longestCallMillis)
  } catch (error) {
    restore()
    throw error instanceof ScriptError ? error : describeError(error, path, true)
  }
}

const importHere = (url: string): Promise<unknown> => import(url)

/** A loader that was given to Node (tsx) may understand files that Node itself does not. */
function runsTypeScript(): boolean {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((each) => /tsx|ts-node|strip-types/.test(each))
}

function hooksOf(module: Record<string, unknown>, name: string): Script {
  const fallback = module.default
  const exported = typeof fallback === 'object' && fallback !== null ? { ...fallback, ...module } : module
  const hooks: Record<string, unknown> = {}
  for (const hook of HOOKS) {
    const f = (exported as Record<string, unknown>)[hook]
    if (f === undefined) continue
    if (typeof f !== 'function') throw new ScriptError(`${name}: ${hook} is no function`)
    hooks[hook] = f
  }
  if (Object.keys(hooks).length === 0) {
    throw new ScriptError(`${name}: exports none of ${HOOKS.join(', ')}`)
  }
  return hooks as Script
}

class ModuleScript implements ScriptEngine {
  readonly hooks: ReadonlySet<Hook>
  readonly #path: string
  readonly #script: Script
  readonly #world: ScriptWorld
  readonly #restoreConsole: () => void
  readonly #longestCallMillis: number
  readonly #run: ScriptRun
  #stopped = false
  #closed = false
  /** Number of async hooks that have not ended. */
  #underWay = 0
  #wake: (() => void) | undefined
  /** The hook that is being called, for the message if it does not return. */
  #calling: Hook = 'onPacket'

  constructor(path: string, script: Script, world: ScriptWorld, restoreConsole: () => void, longestCallMillis: number) {
    this.#longestCallMillis = longestCallMillis
    this.#path = path
    this.#script = script
    this.#world = world
    this.#restoreConsole = restoreConsole
    this.hooks = new Set(HOOKS.filter((hook) => script[hook] !== undefined))
    this.#run = {
      print: (output) => world.print(typeof output === 'string' ? Buffer.from(output) : output),
      stop: (exitCode = 0) => {
        this.#stopped = true
        world.stop(exitCode & 255)
      },
    }
    listenForStrays((error) => this.#onStray(error))
  }

  get saturated(): boolean {
    return this.#underWay >= MAXIMUM_UNDER_WAY
  }

  run(queue: ScriptQueue, millis: number): void {
    this.#guarded(() => this.#callHooks(queue, performance.now() + millis))
    if (this.#stopped) queue.clear()
  }

  async settle(): Promise<void> {
    while (this.#underWay > MAXIMUM_UNDER_WAY / 2) await this.#nextEnd()
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  flush(): void {}

  async end(): Promise<void> {
    const { onEnd } = this.#script
    if (onEnd !== undefined) {
      this.#guarded(() => {
        this.#calling = 'onEnd'
        this.#watch(onEnd(this.#run))
      })
    }
    while (this.#underWay > 0 && !this.#closed) await this.#nextEnd()
  }

  close(): void {
    this.#closed = true
    this.#underWay = 0
    this.#wake?.()
    this.#restoreConsole()
  }

  #callHooks(queue: ScriptQueue, until: number): void {
    while (!this.#stopped && !this.saturated) {
      const event = queue.shift()
      if (event === undefined) return
      this.#calling = event.hook
      this.#watch(this.#call(event))
      if (performance.now() > until) return
    }
  }

  #call(event: ScriptEvent): unknown {
    const script = this.#script
    switch (event.hook) {
      case 'onPacket':
        return script.onPacket?.(event.packet, this.#run)
      case 'onConnection':
        Object.assign(event.connection, event.state)
        return script.onConnection?.(event.connection, event.event, this.#run)
      case 'onData':
        Object.assign(event.data.connection, event.state)
        return script.onData?.(event.data, this.#run)
      case 'onExchange':
        return script.onExchange?.(event.exchange, this.#run)
    }
  }

  #watch(result: unknown): void {
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return
    this.#underWay++
    ;(result as PromiseLike<unknown>).then(
      () => this.#ended(),
      (error: unknown) => {
        this.#ended()
        if (!this.#closed) this.#world.fail(describeError(error, this.#path))
      },
    )
  }

  #ended(): void {
    if (this.#closed) return
    this.#underWay--
    this.#wake?.()
  }

  /** A JavaScript loop can be interrupted only from outside, and V8 does so only for code that runs in a vm.Script. */
  #guarded(step: () => void): void {
    const scope = globalThis as unknown as Record<symbol, () => void>
    scope[GUARDED_STEP] = step
    try {
      guard.runInThisContext({ timeout: this.#longestCallMillis })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT')
        throw describeError(error, this.#path)
      throw new ScriptError(
        `${basename(this.#path)}: ${this.#calling} did not return within ${this.#longestCallMillis / 1000} s`,
      )
    }
  }

  /** Only the stack tells which script it belongs to. */
  #onStray(error: unknown): boolean {
    if (framesOf(error, this.#path) === undefined) return false
    if (!this.#closed) this.#world.fail(describeError(error, this.#path))
    return true
  }
}

/** Returns true if the error was from its script. */
type StrayListener = (error: unknown) => boolean

const strayListeners: StrayListener[] = []

/**
 * For errors that no hook has thrown: those of a timer, or of a promise that nobody waits for. They may also come after
 * the end.
 */
function listenForStrays(listener: StrayListener): void {
  strayListeners.push(listener)
  if (strayListeners.length > 1) return
  process.setUncaughtExceptionCaptureCallback((error) => {
    for (const each of strayListeners) if (each(error)) return
    process.emit('uncaughtException', error)
  })
}

/** `slow.mjs:12: message` */
function describeError(error: unknown, path: string, loading = false): ScriptError {
  const message = error instanceof Error ? error.message : String(error)
  const line = framesOf(error, path) ?? (loading && error instanceof SyntaxError ? syntaxErrorLine(path) : undefined)
  const first = message.split('\n')[0] ?? ''
  return new ScriptError(`${basename(path)}${line === undefined ? '' : `:${line}`}: ${first}`)
}

/** The line of the innermost call in the script. */
function framesOf(error: unknown, path: string): string | undefined {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return undefined
  for (const place of [pathToFileURL(path).href, path]) {
    for (let at = error.stack.indexOf(place); at >= 0; at = error.stack.indexOf(place, at + 1)) {
      const match = /^(?:\?[^:\s]*)?:(\d+)/.exec(error.stack.slice(at + place.length))
      if (match !== null) return match[1]
    }
  }
  return undefined
}

/** Node tells where a module cannot be parsed only when it dies of that error. */
function syntaxErrorLine(path: string): string | undefined {
  try {
    execFileSync(process.execPath, ['--check', path], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer }
    return /:(\d+)\n/.exec(String(stderr))?.[1]
  }
  return undefined
}

const ownConsole = globalThis.console
let redirections = 0

/**
 * console.log and its like print where the run prints; process.stdout would bypass that. The scripts of one run share a
 * console. Returns a function that restores the old one.
 */
function redirectConsole(world: ScriptWorld): () => void {
  const to = (write: (bytes: Uint8Array) => void): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        write(chunk)
        done()
      },
    })
  if (redirections++ === 0) globalThis.console = new Console({ stdout: to(world.print), stderr: to(world.printError) })
  return () => {
    if (--redirections === 0) globalThis.console = ownConsole
  }
}
