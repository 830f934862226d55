// Opens a port for programs that watch a run, and tells why if that fails.

import type { Server } from 'node:net'
import { OperatorError } from '../core/errors.ts'

export interface ListenAddress {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** Resolves to the port. The server does not keep the process alive. Rejects with OperatorError. */
export async function listen(server: Server, { host, port }: ListenAddress, flag: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(asOperatorError(error, host, port, flag)))
    server.listen({ host, port }, resolve)
  })
  server.removeAllListeners('error')
  // a connection that could not be accepted is nobody's problem
  server.on('error', () => {})
  server.unref()
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** Whether only this machine can reach a server that listens there. */
export function isLoopbackAddress(server: Server): boolean {
  const bound = server.address()
  if (typeof bound !== 'object' || bound === null) return false
  return bound.address === '::1' || /^(::ffff:)?127\./.test(bound.address)
}

function asOperatorError(error: Error, host: string, port: number, flag: string): OperatorError {
  const { code } = error as NodeJS.ErrnoException
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  switch (code) {
    case 'EADDRINUSE':
      return new OperatorError(`${flag}: ${where} is in use`, 'another tcpflow or tcpkit? Choose another port')
    case 'EACCES':
      return new OperatorError(`${flag}: ports below 1024 need root`, 'choose a higher port')
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new OperatorError(`${flag}: ${host} is no address of this machine`, '0.0.0.0 is all of them')
    default:
      return new OperatorError(`${flag}: cannot listen on ${where} (${code ?? error.message})`)
  }
}
