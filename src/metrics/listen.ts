// Opens a port for those who watch a run, and says what is wrong when it cannot.

import type { Server } from 'node:net'
import { OperatorError } from '../core/errors.ts'

export interface ListenAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** Resolves to the port. The server holds no process back from ending. Rejects with OperatorError. */
export async function listen(server: Server, { host, port }: ListenAddress, flag: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(asOperatorError(error, host, port, flag)))
    server.listen({ host, port }, resolve)
  })
  server.removeAllListeners('error')
  // a connection that could not be accepted concerns nobody else
  server.on('error', () => {})
  server.unref()
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** Whether a server that listens can be reached from this machine alone. */
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
