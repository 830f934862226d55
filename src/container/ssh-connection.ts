// A connection to an engine on another machine, through the operator's own ssh, with its configuration, keys and agent. On
// that machine `docker system dial-stdio` connects it to the engine's socket. Docker's own client does it this way, too.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { Duplex } from 'node:stream'
import { SshFailure } from './connection-errors.ts'
import type { SshAddress } from './engine-address.ts'

const CONNECT_SECONDS = 5
const MAXIMUM_STDERR_CHARACTERS = 4096
/** How long ssh's last words may take to arrive after it has ended. */
const LAST_WORDS_MILLIS = 100

/** ssh's arguments. */
export function sshArguments(address: SshAddress): string[] {
  const args = ['-o', `ConnectTimeout=${CONNECT_SECONDS}`, '-o', 'ServerAliveInterval=15', '-T']
  if (address.user !== '') args.push('-l', address.user)
  if (address.port !== 0) args.push('-p', String(address.port))
  args.push('--', address.host, 'docker')
  // Quoted for the shell on that machine.
  if (address.path !== '') args.push('--host', `'unix://${address.path.replaceAll("'", `'\\''`)}'`)
  args.push('system', 'dial-stdio')
  return args
}

/** Starts ssh. The connection emits SshFailure, or Node's own error if there is no such program. */
export function openSshConnection(address: SshAddress, program: string): Duplex {
  // In a group and session of its own: Ctrl-C reaches only us, and what ssh starts is ended together with it.
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
    // A shared ssh connection (ControlMaster) keeps stderr open, so its end is not waited for.
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
        // it has ended meanwhile
      }
    }
    done(error)
  }

  // node:http calls these methods of a socket.

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
