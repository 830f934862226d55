// A connection to an engine on another machine, through the operator's own ssh: its configuration, keys and agent hold. On
// that machine `docker system dial-stdio` joins the connection to the engine's socket, as Docker's own client has it.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { Duplex } from 'node:stream'
import { SshFailure } from './connection-errors.ts'
import type { SshAddress } from './engine-address.ts'

const CONNECT_SECONDS = 5
const MAXIMUM_STDERR_CHARACTERS = 4096
/** How long the last words may take to arrive after the end. */
const LAST_WORDS_MILLIS = 100

/** ssh's arguments. */
export function sshArguments(address: SshAddress): string[] {
  const args = ['-o', `ConnectTimeout=${CONNECT_SECONDS}`, '-o', 'ServerAliveInterval=15', '-T']
  if (address.user !== '') args.push('-l', address.user)
  if (address.port !== 0) args.push('-p', String(address.port))
  args.push('--', address.host, 'docker')
  // A shell of that machine reads this.
  if (address.path !== '') args.push('--host', `'unix://${address.path.replaceAll("'", `'\\''`)}'`)
  args.push('system', 'dial-stdio')
  return args
}

/** Starts ssh. Errors come as those of the connection: SshFailure, or Node's own when there is no such program. */
export function openSshConnection(address: SshAddress, program: string): Duplex {
  // A group (and session) of its own: Ctrl-C is for us to handle, and what ssh starts ends with it.
  const child = spawn(program, sshArguments(address), { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  return new SshConnection(child)
}

class SshConnection extends Duplex {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #stderr = ''
  #heardFrom = false
  #gone = false

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    super()
    this.#child = child
    child.on('error', (error) => this.destroy(error))
    child.stdin.on('error', () => {}) // it has ended: that is told below
    child.stdout.on('error', () => {})
    child.stdout.on('data', (chunk: Buffer) => {
      this.#heardFrom = true
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAXIMUM_STDERR_CHARACTERS)
    })
    child.on('exit', () => {
      this.#gone = true
    })
    const stdoutEnded = new Promise((resolve) => child.stdout.on('close', resolve))
    const exited = new Promise((resolve) => child.on('exit', resolve))
    // A connection that ssh shares with a later one keeps stderr open: there is no waiting for its end.
    Promise.all([stdoutEnded, exited]).then(() => setTimeout(() => this.#end(), LAST_WORDS_MILLIS))
  }

  #end(): void {
    if (this.destroyed) return
    if (this.#heardFrom && this.#child.exitCode === 0) this.push(null)
    else this.destroy(new SshFailure(this.#lastWords()))
  }

  #lastWords(): string {
    const lines = this.#stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    return lines.at(-1) ?? `ssh ended with ${this.#child.signalCode ?? `exit code ${this.#child.exitCode}`}`
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done())
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.stdin.destroy()
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
    const { pid } = this.#child
    if (pid !== undefined && !this.#gone) {
      try {
        process.kill(-pid, 'SIGTERM')
      } catch {
        // gone meanwhile
      }
    }
    done(error)
  }

  // What node:http asks of a socket beside being a stream.

  setKeepAlive(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setTimeout(): this {
    return this
  }

  ref(): this {
    this.#each((handle) => handle.ref?.())
    return this
  }

  /** An idle one does not keep the program alive. */
  unref(): this {
    this.#each((handle) => handle.unref?.())
    return this
  }

  #each(call: (handle: { ref?(): void; unref?(): void }) => void): void {
    call(this.#child)
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) call(stream as { ref?(): void })
  }
}
