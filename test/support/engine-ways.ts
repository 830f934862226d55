// Ways to reach an engine in tests: a forwarded socket, TLS, ssh, and Podman. All lie in one folder and are removed afterwards.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import type { Cleanup } from './netns.ts'

export const DOCKER_SOCKET = '/var/run/docker.sock'

export function temporaryFolder(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-engine-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`)
  return stdout.trim()
}

async function listening(server: net.Server, t: Cleanup, sockets: Set<Duplex>, ...where: unknown[]): Promise<void> {
  await new Promise<void>((resolve) => server.listen(...(where as [number, string]), resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

/** Forwards both ways; each end closes for itself. */
function joinUp(near: Duplex, sockets: Set<Duplex>, path = DOCKER_SOCKET): void {
  const far = net.connect({ path, allowHalfOpen: true })
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(socket)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
    socket.pipe(other)
  }
}

/** A socket forwarded to the engine's. */
export interface ForwardedSocket {
  readonly path: string
  /** Cuts the line: connections end and new ones get no answer. */
  cut(): Promise<void>
  /** Joins the line again. */
  mend(): Promise<void>
}

export async function forwardedSocket(t: Cleanup): Promise<ForwardedSocket> {
  const path = join(temporaryFolder(t), 'forwarded.sock')
  const sockets = new Set<Duplex>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => joinUp(socket, sockets))
  await listening(server, t, sockets, path)
  return {
    path,
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
    mend: () => new Promise((resolve) => server.listen(path, resolve)),
  }
}

/** The engine with this socket by plain TCP on 127.0.0.1; the line can be cut. */
export interface TcpFront {
  readonly port: number
  /** Ends every connection; new ones are let in at once. */
  cut(): void
}

export async function tcpFront(t: Cleanup, path: string): Promise<TcpFront> {
  const sockets = new Set<Duplex>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => joinUp(socket, sockets, path))
  await listening(server, t, sockets, 0, '127.0.0.1')
  return {
    port: (server.address() as net.AddressInfo).port,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

export interface TlsFront {
  readonly port: number
  /** ca.pem, cert.pem, key.pem of a client that it accepts. */
  readonly certificates: string
  /** The same of another authority. */
  readonly strangers: string
}

/** The engine behind TLS on 127.0.0.1, for `localhost` and `127.0.0.1`; clients need a certificate. */
export async function tlsFront(t: Cleanup): Promise<TlsFront> {
  const folder = temporaryFolder(t)
  const ours = makeCertificates(join(folder, 'ours'))
  const strangers = makeCertificates(join(folder, 'strangers'))
  const sockets = new Set<Duplex>()
  const server = tls.createServer(
    {
      ca: readFileSync(join(ours, 'ca.pem')),
      cert: readFileSync(join(ours, 'server-cert.pem')),
      key: readFileSync(join(ours, 'server-key.pem')),
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
    },
    (socket) => joinUp(socket, sockets),
  )
  server.on('tlsClientError', () => {})
  await listening(server, t, sockets, 0, '127.0.0.1')
  return { port: (server.address() as net.AddressInfo).port, certificates: ours, strangers }
}

/** An authority, a server for localhost, and a client. */
function makeCertificates(folder: string): string {
  mkdirSync(folder)
  const at = (name: string) => join(folder, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = ['-days', '2', '-subj', '/CN=tcpflow test authority']
  run('openssl', 'req', '-x509', ...key, ...authority, '-keyout', at('ca-key.pem'), '-out', at('ca.pem'))
  for (const [name, extension] of [
    ['server-', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ['', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    const [request, extensions] = [at(`${name}request.pem`), at(`${name}extensions`)]
    writeFileSync(extensions, extension)
    run('openssl', 'req', ...key, '-subj', `/CN=${name}test`, '-keyout', at(`${name}key.pem`), '-out', request)
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-days', '2']
    run('openssl', 'x509', '-req', '-in', request, ...signed, '-extfile', extensions, '-out', at(`${name}cert.pem`))
  }
  return folder
}

export interface SshServer {
  readonly user: string
  readonly port: number
  /** A program that is ssh with the keys of this server's client, and without anybody's configuration. */
  readonly ssh: string
  /** The same without a key that it accepts. */
  readonly strangersSsh: string
}

const SSHD = '/usr/sbin/sshd'

/** A server on 127.0.0.1 for whoever runs the tests. */
export async function sshServer(t: Cleanup): Promise<SshServer> {
  const folder = temporaryFolder(t)
  const at = (name: string) => join(folder, name)
  for (const name of ['host', 'client', 'stranger']) run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(name))
  writeFileSync(at('authorized_keys'), readFileSync(at('client.pub')))
  chmodSync(at('authorized_keys'), 0o600)
  const port = await freePort()
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    `PidFile ${at('pid')}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin yes',
    'StrictModes no',
    'UsePAM no',
  ]
  writeFileSync(at('sshd_config'), `${config.join('\n')}\n`)
  const known = `[127.0.0.1]:${port} ${readFileSync(at('host.pub'), 'utf8')}`
  writeFileSync(at('known_hosts'), known)
  // sshd needs this folder and must start as root. The folder stays, because another test's server may need it now.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const child = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  endAfter(t, child)
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  await until(
    () => said.includes('Server listening'),
    () => `sshd: ${said}`,
  )
  // Called by its full path, because the folder may come first in PATH.
  const ssh = run('sh', '-c', 'command -v ssh')
  const wrapper = (name: string, key: string) => {
    const options = `-F none -i ${key} -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=${at('known_hosts')}`
    writeFileSync(at(name), `#!/bin/sh\nexec ${ssh} ${options} -o StrictHostKeyChecking=yes "$@"\n`, { mode: 0o755 })
    return at(name)
  }
  return {
    user: userInfo().username,
    port,
    ssh: wrapper('ssh', at('client')),
    strangersSsh: wrapper('strangers-ssh', at('stranger')),
  }
}

export interface PodmanEngine {
  readonly socket: string
  /** Its command with its options. */
  readonly command: readonly string[]
}

/** An engine with a store, and a network namespace (bridges, firewall), of its own. */
export async function podmanEngine(t: Cleanup): Promise<PodmanEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-podman-'))
  const at = (name: string) => join(folder, name)
  const namespace = `tfpodman${process.pid}`
  run('ip', 'netns', 'add', namespace)
  // Otherwise it asks for more open files than some machines allow.
  writeFileSync(at('containers.conf'), '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
  mkdirSync(at('networks'))
  const places = ['--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp')]
  const command = [
    'nsenter',
    `--net=/run/netns/${namespace}`,
    'env',
    `CONTAINERS_CONF=${at('containers.conf')}`,
    'podman',
  ]
  command.push(...places, '--network-config-dir', at('networks'), '--events-backend', 'file')
  const socket = at('podman.sock')
  const child = spawn(command[0]!, [...command.slice(1), 'system', 'service', '--time=0', `unix://${socket}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  t.after(async () => {
    spawnSync(command[0]!, [...command.slice(1), 'rm', '-fa', '-t', '0'])
    child.kill('SIGTERM')
    // Each command in a container leaves a process that waits five minutes before it tidies up. It would make its folder again,
    // so it is ended.
    const left = processesOf(folder).filter((pid) => pid !== child.pid)
    spawnSync('kill', ['-9', ...left.map(String)])
    await ended
    spawnSync('umount', ['-l', at('root/overlay')])
    spawnSync('ip', ['netns', 'del', namespace])
    rmSync(folder, { recursive: true, force: true })
  })
  await until(
    () => existsSync(socket) || child.exitCode !== null,
    () => `podman: ${said}`,
  )
  if (child.exitCode !== null) throw new Error(`podman: ${said}`)
  return { socket, command }
}

/** Those whose command names a folder. */
function processesOf(folder: string): number[] {
  const lines = run('ps', '-eo', 'pid,args').split('\n')
  return lines.filter((line) => line.includes(`${folder}/`)).map((line) => Number(line.trim().split(' ')[0]))
}

function endAfter(t: Cleanup, child: ChildProcess): void {
  // Not 'close': its sessions share its standard error and may still be open.
  const ended = new Promise((resolve) => child.on('exit', resolve))
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
  })
}

export async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function until(what: () => boolean, why: () => string): Promise<void> {
  for (let tries = 0; tries < 400 && !what(); tries++) await sleep(25)
  if (!what()) throw new Error(why())
}
