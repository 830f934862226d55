// Why an engine cannot be reached, in words for the operator: a line that says why, and one that says what to do.

import { OperatorError } from '../core/errors.ts'
import type { EngineAddress } from './engine-address.ts'

/** The engine answered with an error. */
export class EngineRefusal extends Error {
  readonly statusCode: number

  /** `message` is the engine's. */
  constructor(statusCode: number, message: string) {
    super(message)
    this.name = 'EngineRefusal'
    this.statusCode = statusCode
  }
}

/** ssh has ended by itself. `message` is its last line of output. */
export class SshFailure extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SshFailure'
  }
}

/** There was no answer in time. It has a `code`, as Node's own errors have. */
export function timeoutError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
}

const SOCKET_HINT =
  'in a container: -v /var/run/docker.sock:/var/run/docker.sock:ro; an engine elsewhere: DOCKER_HOST or --docker-host'

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to that host',
  ENETUNREACH: 'no route to that network',
  ENOTFOUND: 'no host of that name',
  EAI_AGAIN: 'its name cannot be looked up now',
}

/** Any failure of a call as OperatorError; one that is an OperatorError stays as it is. `what`: `GET /containers/json`. */
export function engineError(address: EngineAddress, error: unknown, what: string): OperatorError {
  if (error instanceof OperatorError) return error
  const name = named(address)
  if (error instanceof EngineRefusal) return refusal(address, error, what)
  if (error instanceof SshFailure) {
    return new OperatorError(`no connection to ${name}: ${error.message}`, sshHint(address))
  }
  const { code = '', message } = error as NodeJS.ErrnoException
  if (address.kind === 'unix') {
    if (code === 'ENOENT')
      return new OperatorError(`no container engine: there is no socket ${named(address)}`, SOCKET_HINT)
    if (code === 'EACCES' || code === 'EPERM') {
      return new OperatorError(
        `permission denied on the engine's socket ${name}`,
        'as root (sudo), or as a member of its group: sudo usermod -aG docker "$USER", then log in again',
      )
    }
    if (code === 'ECONNREFUSED') {
      return new OperatorError(`nothing listens on ${name}`, 'does the engine run? sudo systemctl start docker')
    }
    if (code === 'ENOTSOCK') return new OperatorError(`${name} is no socket`, SOCKET_HINT)
  }
  if (code === 'ENOENT' && address.kind === 'ssh') {
    return new OperatorError(`${name} is reached by ssh, and there is no ssh here`, 'apt-get install openssh-client')
  }
  if (code === 'ETIMEDOUT') return new OperatorError(`${name} does not answer: ${message}`, reachHint(address))
  const unreachable = UNREACHABLE[code]
  if (unreachable !== undefined)
    return new OperatorError(`no connection to ${name}: ${unreachable}`, reachHint(address))
  if (isTlsCode(code)) return tlsError(address, code, message)
  if (code.startsWith('HPE_'))
    return new OperatorError(`${name} does not speak as an engine does`, tlsMissingHint(address))
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new OperatorError(`${name} ended the connection`, endedHint(address))
  }
  return new OperatorError(`no connection to ${name}: ${message}`, reachHint(address))
}

/** With where the address comes from, if the operator gave it. */
function named(address: EngineAddress): string {
  return address.origin === '' ? address.name : `${address.name} (${address.origin})`
}

function reachHint(address: EngineAddress): string {
  if (address.kind === 'ssh') return sshHint(address)
  if (address.kind === 'unix') return 'is it overloaded, or stopped? docker version tells'
  return 'is that the right address and port, and may this machine get there?'
}

function sshHint(address: EngineAddress): string {
  if (address.kind !== 'ssh') return ''
  const who = `${address.user === '' ? '' : `${address.user}@`}${address.host}`
  const port = address.port === 0 ? '' : `-p ${address.port} `
  return `this must work without a question: ssh ${port}${who} docker version`
}

function tlsMissingHint(address: EngineAddress): string | undefined {
  if (address.kind !== 'tcp') return undefined
  if (address.tls !== undefined)
    return 'does it speak TLS at all? Without: unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH'
  return 'does it want TLS? DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem'
}

/** With TLS, the connection may end before the message that says why has come. */
function endedHint(address: EngineAddress): string | undefined {
  if (address.kind !== 'tcp' || address.tls === undefined) return tlsMissingHint(address)
  return 'does it speak TLS, and does it accept our certificate (cert.pem and key.pem in DOCKER_CERT_PATH)?'
}

function isTlsCode(code: string): boolean {
  return (
    /^(ERR_(SSL|TLS|OSSL)|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|CRL_|INVALID_|HOSTNAME_MISMATCH)/.test(code) ||
    code === 'EPROTO'
  )
}

function tlsError(address: EngineAddress, code: string, message: string): OperatorError {
  const name = named(address)
  const certificates = 'DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem'
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return new OperatorError(`${name} does not speak TLS`, tlsMissingHint(address))
  }
  if (/ALERT|CERTIFICATE_REQUIRED/.test(code)) {
    return new OperatorError(`${name} does not accept our certificate: ${reasonOf(message)}`, certificates)
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new OperatorError(`the certificate of ${name} is for another host: ${message}`, 'use a name that it is for')
  }
  if (/^ERR_OSSL|^ERR_SSL_.*(PEM|KEY|ASN1|X509)|KEY_VALUES_MISMATCH/.test(code)) {
    return new OperatorError(`our certificates for ${name} cannot be used: ${reasonOf(message)}`, certificates)
  }
  return new OperatorError(`the certificate of ${name} cannot be trusted: ${message}`, certificates)
}

/** OpenSSL's messages are lists with colons. The part before the file name says what happened. */
function reasonOf(message: string): string {
  const parts = message
    .trim()
    .split(':')
    .filter((part) => part !== '')
  return (parts.find((part) => / /.test(part) && !part.includes('routines')) ?? message.trim()).toLowerCase()
}

function refusal(address: EngineAddress, { statusCode, message }: EngineRefusal, what: string): OperatorError {
  const name = named(address)
  if (/HTTP request to an HTTPS server/i.test(message)) {
    return new OperatorError(`${name} wants TLS`, tlsMissingHint(address))
  }
  if (statusCode === 401 || statusCode === 403) {
    return new OperatorError(
      `${name} forbids ${what}: ${message}`,
      'a proxy or plugin before the engine decides that; events, containers and networks must be readable',
    )
  }
  return new OperatorError(`${name} refuses ${what}: ${message}`)
}
