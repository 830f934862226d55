// Connections to an engine by socket, TCP, TLS or ssh, as an agent for node:http. Time limits, and the end of all connections,
// are in one place.

import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { TlsSettings } from './address-files.ts'
import { timeoutError } from './connection-errors.ts'
import type { EngineAddress } from './engine-address.ts'

export interface ConnectionLimits {
  /** Longest that a connection (with TLS) may take; ssh has its own. */
  readonly connectMillis: number
  /** The ssh program. */
  readonly ssh: string
}

/** Begins to connect. The socket emits Node's errors, or SshFailure. */
type Connect = () => Duplex

// Each is a login, and sshd refuses many logins at once.
const SSH_CONNECTIONS = 4
const CONNECTIONS = 16
const KEEP_ALIVE_MILLIS = 15_000

/** Loads the code for this kind of address only: most engines have a local socket. */
export async function engineConnections(address: EngineAddress, limits: ConnectionLimits): Promise<EngineConnections> {
  if (address.kind === 'unix') {
    return new EngineConnections(CONNECTIONS, () => limited(net.connect(address.path), 'connect', limits))
  }
  if (address.kind === 'ssh') {
    const { openSshConnection } = await import('./ssh-connection.ts')
    return new EngineConnections(SSH_CONNECTIONS, () => openSshConnection(address, limits.ssh))
  }
  const { host, port, tls: settings } = address
  if (settings === undefined) {
    return new EngineConnections(CONNECTIONS, () => limited(net.connect({ host, port }), 'connect', limits))
  }
  const tls = process.getBuiltinModule('node:tls')
  const options = { host, port, ...tlsOptions(host, settings) }
  return new EngineConnections(CONNECTIONS, () => limited(tls.connect(options), 'secureConnect', limits))
}

export class EngineConnections extends http.Agent {
  readonly #connect: Connect
  readonly #open = new Set<Duplex>()
  #ended = false

  constructor(maxSockets: number, connect: Connect) {
    super({ keepAlive: true, maxSockets })
    this.#connect = connect
  }

  /** Called by node:http. */
  override createConnection(): Duplex {
    const socket = this.#connect()
    this.#open.add(socket)
    return socket.on('close', () => this.#open.delete(socket))
  }

  /** Ends every connection at once, also those in use and those being made. A later request gets a connection of its own. */
  override destroy(): void {
    this.#ended = true
    super.destroy()
    for (const socket of this.#open) socket.destroy()
  }

  /** The socket belongs to the caller now, who ends it. */
  release(socket: Duplex): void {
    this.#open.delete(socket)
  }

  /** Called by node:http at the end of a request. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#ended) return false
    super.keepSocketAlive(socket)
    return true
  }
}

/** Destroys the socket if it takes too long to connect. */
function limited(socket: net.Socket, event: 'connect' | 'secureConnect', { connectMillis }: ConnectionLimits): Duplex {
  const late = timeoutError(`no connection in ${connectMillis / 1000} s`)
  const timer = setTimeout(() => socket.destroy(late), connectMillis)
  socket.once('close', () => clearTimeout(timer))
  socket.once(event, () => {
    clearTimeout(timer)
    // So a broken network is noticed even if nothing is being sent.
    socket.setKeepAlive(true, KEEP_ALIVE_MILLIS)
    socket.setNoDelay(true)
  })
  return socket
}

function tlsOptions(host: string, { ca, cert, key, verify }: TlsSettings): ConnectionOptions {
  return {
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: verify,
  }
}
