// Real OpenSSL servers and clients on loopback, and what they say to each other.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, RecordingProxy, startServer, stopServer } from '../recording-proxy.ts'
import type { Said } from './read-tls.ts'

/** A folder with certificates; `close` removes it. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'tcpflow-tls-'))

  constructor() {
    this.#run(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=Test CA',
      '-days',
      '30',
      ...this.#out('ca'),
    )
    this.make('good', { name: 'db.test' })
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** A leaf of the test CA, or signed by itself. Dates as `openssl ca` writes them: 20200101000000Z. */
  make(name: string, options: { name: string; from?: string; to?: string; selfSigned?: boolean }): void {
    const { from = '20200101000000Z', to = '20400101000000Z', selfSigned = false } = options
    this.#run(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${options.name}`,
      '-keyout',
      this.path(`${name}.key`),
      '-out',
      this.path(`${name}.csr`),
    )
    const extensions = this.path(`${name}.ext`)
    const index = this.path(`${name}.index`)
    const config = this.path(`${name}.cnf`)
    execFileSync('sh', [
      '-c',
      `printf 'subjectAltName=DNS:${options.name}\\n' > ${extensions}; : > ${index}; echo 01 > ${index}.serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=${index}\\nserial=${index}.serial\\nnew_certs_dir=${this.folder}\\ndefault_md=sha256\\npolicy=p\\nunique_subject=no\\n[p]\\ncommonName=supplied\\n' > ${config}`,
    ])
    const signer = selfSigned
      ? ['-selfsign', '-keyfile', this.path(`${name}.key`)]
      : ['-cert', this.path('ca.pem'), '-keyfile', this.path('ca.key')]
    this.#run(
      'ca',
      '-batch',
      '-notext',
      '-config',
      config,
      '-startdate',
      from,
      '-enddate',
      to,
      '-extfile',
      extensions,
      '-in',
      this.path(`${name}.csr`),
      '-out',
      this.path(`${name}.pem`),
      ...signer,
    )
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #out(name: string): string[] {
    return ['-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.pem`)]
  }

  #run(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore', cwd: this.folder })
  }
}

/** What `openssl s_client` with those arguments and a server with those said to each other. `input` is sent when connected. */
export async function talk(
  serverArguments: readonly string[],
  clientArguments: readonly string[],
  input = '',
): Promise<Said[]> {
  const [said] = await talks(serverArguments, [clientArguments], input)
  return said!
}

/** Several clients, one after the other, of one server. */
export async function talks(
  serverArguments: readonly string[],
  clients: readonly (readonly string[])[],
  input = '',
): Promise<Said[][]> {
  const port = await freePort()
  const child = await startServer(
    'openssl',
    ['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', ...serverArguments],
    port,
  )
  if (child === undefined) throw new Error('openssl is not installed')
  const proxy = new RecordingProxy(port)
  const proxyPort = await proxy.listen()
  try {
    for (const args of clients) await run('openssl', ['s_client', '-connect', `127.0.0.1:${proxyPort}`, ...args], input)
    return proxy.recordings.map((recording) => recording.chunks)
  } finally {
    await proxy.close()
    await stopServer(child)
  }
}

/** Runs until the program ends by itself or has been silent after its input. */
function run(program: string, args: readonly string[], input: string): Promise<void> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: 10_000 }, () => resolve())
    child.stdin?.on('error', () => {})
    child.stdin?.write(input)
    // s_client ends with its input; what the server still says after the handshake is waited for
    setTimeout(() => child.stdin?.end(), 300)
  })
}
