// Which engine is meant. The order is that of Docker's own client: --docker-host, DOCKER_HOST, the context, and else the first
// of the usual sockets that exists.

import { OperatorError } from '../core/errors.ts'
import { type AddressFiles, type Environment, readCertificates, type TlsSettings } from './address-files.ts'
import { readContext } from './docker-context.ts'

interface AddressBase {
  /** As messages write it: `unix:///var/run/docker.sock`, `tcp://build1:2376`, `ssh://me@build1`. */
  readonly name: string
  /** Where the address comes from: `--docker-host`, `DOCKER_HOST`, `context "build1"`; '' for one of the usual sockets. */
  readonly origin: string
}

export interface UnixAddress extends AddressBase {
  readonly kind: 'unix'
  readonly path: string
}

export interface TcpAddress extends AddressBase {
  readonly kind: 'tcp'
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly port: number
  /** undefined: plain HTTP. */
  readonly tls: TlsSettings | undefined
}

export interface SshAddress extends AddressBase {
  readonly kind: 'ssh'
  /** '' where ssh's own configuration decides. */
  readonly user: string
  readonly host: string
  /** 0 where ssh's own configuration decides. */
  readonly port: number
  /** The engine's socket on that machine; '' for its usual one. */
  readonly path: string
}

export type EngineAddress = UnixAddress | TcpAddress | SshAddress

const EXAMPLES = 'for example unix:///var/run/docker.sock, tcp://build1:2376 or ssh://me@build1'
const PLAIN_PORT = 2375
const TLS_PORT = 2376

/** `dockerHost`: the value of --docker-host, if given. Throws OperatorError if an address cannot be understood. */
export function findEngineAddress(
  dockerHost: string | undefined,
  env: Environment,
  files: AddressFiles,
): EngineAddress {
  if (dockerHost !== undefined) return parseEngineAddress(dockerHost, '--docker-host', tlsOf(env, files))
  if (env.DOCKER_HOST) return parseEngineAddress(env.DOCKER_HOST, 'DOCKER_HOST', tlsOf(env, files))
  const context = readContext(env, files)
  if (context !== undefined) return parseEngineAddress(context.host, context.origin, () => context.tls)
  const sockets = usualSockets(env)
  return unixAddress(sockets.find((path) => files.exists(path)) ?? sockets[0]!, '')
}

function usualSockets(env: Environment): string[] {
  const sockets = ['/var/run/docker.sock']
  if (env.XDG_RUNTIME_DIR?.startsWith('/')) {
    sockets.push(`${env.XDG_RUNTIME_DIR}/docker.sock`, `${env.XDG_RUNTIME_DIR}/podman/podman.sock`)
  }
  sockets.push('/run/podman/podman.sock')
  return sockets
}

/** `tls` is called only for an address that can have TLS. Throws OperatorError. */
export function parseEngineAddress(text: string, origin: string, tls: () => TlsSettings | undefined): EngineAddress {
  const bad = () => new OperatorError(`${origin}: "${text}" is not the address of an engine`, EXAMPLES)
  const spelled = text.trim()
  if (spelled.startsWith('/')) return unixAddress(spelled, origin)
  const scheme = /^([a-z]+):\/\//i.exec(spelled)?.[1]?.toLowerCase() ?? 'tcp'
  const rest = spelled.replace(/^[a-z]+:\/\//i, '')
  if (scheme === 'unix') {
    if (!rest.startsWith('/')) throw bad()
    return unixAddress(rest, origin)
  }
  // The scheme is made up: URL drops the usual port of a scheme that it knows.
  const url = URL.canParse(`engine://${rest}`) ? new URL(`engine://${rest}`) : undefined
  if (url === undefined || url.hostname === '' || url.search !== '' || url.hash !== '') throw bad()
  if (scheme === 'ssh') return sshAddress(url, origin, bad)
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https') throw bad()
  if (url.pathname !== '' && url.pathname !== '/') throw bad()
  return tcpAddress(scheme, url, origin, tls())
}

function unixAddress(path: string, origin: string): UnixAddress {
  return { kind: 'unix', name: `unix://${path}`, origin, path }
}

function tcpAddress(scheme: string, url: URL, origin: string, tls: TlsSettings | undefined): TcpAddress {
  const settings = tls ?? (scheme === 'https' ? NO_CERTIFICATES : undefined)
  // Without a port, http and https mean the web's ports, and tcp means Docker's.
  const usual = scheme === 'http' ? 80 : scheme === 'https' ? 443 : settings === undefined ? PLAIN_PORT : TLS_PORT
  const port = url.port === '' ? usual : Number(url.port)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { kind: 'tcp', name: `${scheme}://${url.hostname}:${port}`, origin, host, port, tls: settings }
}

function sshAddress(url: URL, origin: string, bad: () => OperatorError): SshAddress {
  if (url.password !== '') {
    throw new OperatorError(
      `${origin}: a password in an address is seen by everybody on this machine`,
      'use an ssh key',
    )
  }
  const user = percentDecoded(url.username)
  const path = percentDecoded(url.pathname === '/' ? '' : url.pathname)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  // With a dash, ssh would take either for an option, and options can run programs.
  if (user === undefined || path === undefined || user.startsWith('-') || host.startsWith('-')) throw bad()
  const port = url.port === '' ? 0 : Number(url.port)
  const name = `ssh://${user === '' ? '' : `${user}@`}${url.hostname}${port === 0 ? '' : `:${port}`}${path}`
  return { kind: 'ssh', name, origin, user, host, port, path }
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const NO_CERTIFICATES: TlsSettings = { ca: undefined, cert: undefined, key: undefined, verify: true }

/**
 * TLS as the environment asks for it: by DOCKER_TLS_VERIFY, by DOCKER_TLS (which accepts any server), or just by
 * DOCKER_CERT_PATH. Programs differ about the last. Here it means TLS with verification: who has certificates wants them used.
 */
function tlsOf(env: Environment, files: AddressFiles): () => TlsSettings | undefined {
  return () => {
    if (!env.DOCKER_TLS_VERIFY && !env.DOCKER_TLS && !env.DOCKER_CERT_PATH) return undefined
    const folder = env.DOCKER_CERT_PATH || env.DOCKER_CONFIG || (env.HOME ? `${env.HOME}/.docker` : undefined)
    const verify = !env.DOCKER_TLS || Boolean(env.DOCKER_TLS_VERIFY)
    const settings = folder === undefined ? NO_CERTIFICATES : readCertificates(folder, verify, files)
    if (env.DOCKER_CERT_PATH && settings.ca === undefined && settings.cert === undefined) {
      throw new OperatorError(
        `there are no certificates in ${env.DOCKER_CERT_PATH}`,
        'DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem',
      )
    }
    return { ...settings, verify }
  }
}
