// Connections to an engine, whatever it is reached by, as an agent of node:http: one place for time limits and for the end.

import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { timeoutError } from './connection-errors.ts'
import type { EngineAddress, TcpAddress } from './engine-address.ts'
import { openSshConnection } from './ssh-connection.ts'

export interface ConnectionLimits {
  /** Longest that a connection (with TLS) may take; ssh has its own. */
  readonly connectMillis: number
  /** The ssh program. */
  readonly ssh: string
}

type Connected = (error: Error | null, socket?: Duplex) => void

// Each is a login there, and sshd refuses many at once.
const SSH_CONNECTIONS = 4
const CONNECTIONS = 16
const KEEP_ALIVE_MILLIS = 15_000

export class EngineConnections extends http.Agent {
  readonly #address: EngineAddress
  readonly #limits: ConnectionLimits
  readonly #open = new Set<Duplex>()
  #ended = false

  constructor(address: EngineAddress, limits: ConnectionLimits) {
    super({ keepAlive: true, maxSockets: address.kind === 'ssh' ? SSH_CONNECTIONS : CONNECTIONS })
    this.#address = address
    this.#limits = limits
  }

  /** Called by node:http, which takes the socket from the callback. */
  override createConnection(_options: unknown, connected: Connected): undefined {
    if (this.#address.kind === 'ssh') {
      const socket = openSshConnection(this.#address, this.#limits.ssh)
      this.#remember(socket)
      connected(null, socket)
      return
    }
    const socket = this.#address.kind === 'unix' ? net.connect(this.#address.path) : connectTcp(this.#address)
    this.#remember(socket)
    this.#connect(socket, connected)
  }

  /** Ends every connection at once, those in use and those being made too. Later requests get one of their own each. */
  override destroy(): void {
    this.#ended = true
    super.destroy()
    for (const socket of this.#open) socket.destroy()
  }

  /** It belongs to somebody else now, who ends it. */
  release(socket: Duplex): void {
    this.#open.delete(socket)
  }

  /** Called by node:http at the end of a request. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#ended) return false
    super.keepSocketAlive(socket)
    return true
  }

  #remember(socket: Duplex): void {
    this.#open.add(socket)
    socket.on('close', () => this.#open.delete(socket))
  }

  #connect(socket: net.Socket, connected: Connected): void {
    const { connectMillis } = this.#limits
    const timer = setTimeout(
      () => socket.destroy(timeoutError(`no connection in ${connectMillis / 1000} s`)),
      connectMillis,
    )
    const failed = (error: Error) => {
      clearTimeout(timer)
      connected(error)
    }
    socket.once('error', failed)
    socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      // A network that went away is noticed also where nothing is being said.
      socket.setKeepAlive(true, KEEP_ALIVE_MILLIS)
      socket.setNoDelay(true)
      connected(null, socket)
    })
  }
}

function connectTcp({ host, port, tls: settings }: TcpAddress): net.Socket {
  if (settings === undefined) return net.connect({ host, port })
  return tls.connect({
    host,
    port,
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    ...(settings.cert === undefined ? {} : { cert: settings.cert }),
    ...(settings.key === undefined ? {} : { key: settings.key }),
    rejectUnauthorized: settings.verify,
  })
}
