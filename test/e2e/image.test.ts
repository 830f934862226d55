// The Docker image: built from this checkout, capturing what two containers really say to each other on docker0.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = join(import.meta.dirname, '../..')
const BASE_IMAGE = 'node:24-trixie-slim'
const IMAGE = `tcpflow-test-${process.pid}`
const BUILD_MILLIS = 15 * 60_000
const SERVER = `require('http').createServer((q, r) => r.end('Grüße for ' + q.url + '\\n')).listen(80)`

const why = whyNoImage()
if (why !== undefined) console.error(`the image is not tested: ${why}`)
const skip = why ?? false
let server = ''
let serverAddress = ''

function docker(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

function whyNoImage(): string | undefined {
  if (spawnSync('docker', ['info']).status !== 0) return 'no Docker engine answers'
  if (spawnSync('docker', ['image', 'inspect', BASE_IMAGE]).status !== 0) return `there is no image ${BASE_IMAGE} here`
  return undefined
}

before(() => {
  if (why !== undefined) return
  const built = spawnSync('docker', ['build', '-t', IMAGE, '.'], {
    cwd: ROOT,
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
    encoding: 'utf8',
    timeout: BUILD_MILLIS,
    maxBuffer: 64 << 20,
  })
  if (built.status !== 0) throw new Error(`docker build: ${built.stdout.slice(-2000)}${built.stderr.slice(-2000)}`)
  server = docker('run', '-d', '--rm', '--entrypoint', 'node', IMAGE, '-e', SERVER)
  serverAddress = docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', server)
})

after(() => {
  if (server !== '') spawnSync('docker', ['rm', '-f', server])
  spawnSync('docker', ['rmi', '-f', IMAGE])
})

/** Our image at work; `stop` ends it as Ctrl-C or `docker stop` would. */
class Capture {
  readonly name: string
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #closed: Promise<number | null>

  constructor(name: string, dockerFlags: readonly string[], flags: readonly string[]) {
    this.name = `${IMAGE}-${name}`
    const args = ['run', '--rm', '--name', this.name, '--net', 'host', ...dockerFlags, IMAGE, ...flags]
    this.child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.#closed = new Promise((resolve) => this.child.on('close', resolve))
  }

  async until(what: () => boolean): Promise<void> {
    for (let tries = 0; tries < 300 && !what(); tries++) {
      if (this.child.exitCode !== null) break
      await sleep(50)
    }
    assert.ok(what(), `stdout: ${this.stdout}\nstderr: ${this.stderr}`)
  }

  async stop(signal: string): Promise<number | null> {
    docker('kill', '-s', signal, this.name)
    return await this.#closed
  }
}

/** A client in a container of its own asks for `path`. */
function ask(path: string): void {
  docker(
    'run',
    '--rm',
    '--entrypoint',
    'node',
    IMAGE,
    '-e',
    `fetch('http://${serverAddress}${path}').then((r) => r.text())`,
  )
}

async function seesConversation(name: string, dockerFlags: readonly string[], signal: string): Promise<void> {
  const capture = new Capture(name, dockerFlags, ['-c', '-J', '-i', 'docker0', 'tcp port 80'])
  try {
    await capture.until(() => capture.stderr.includes('listening on docker0'))
    ask(`/${name}`)
    await capture.until(() => capture.stdout.includes(`Grüße for /${name}`))
    assert.equal(await capture.stop(signal), 0)
    assert.match(capture.stdout, new RegExp(`\\x1b\\[38;5;32mGET /${name} HTTP/1\\.1`))
    assert.match(capture.stdout, /\x1b\[38;5;166mHTTP\/1\.1 200 OK/)
    assert.match(capture.stderr, /\d+ packets, 1 connection/)
  } finally {
    spawnSync('docker', ['rm', '-f', capture.name])
  }
}

test('plain --net host: a request between two containers, in colour', { skip }, () =>
  seesConversation('plain', [], 'SIGINT'),
)

test('a read-only root file system, ended as docker stop does', { skip }, () =>
  seesConversation('readonly', ['--read-only'], 'SIGTERM'),
)

test('a user who is not root, with NET_RAW and nothing else', { skip }, () =>
  seesConversation('user', ['--user', '1000', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '--read-only'], 'SIGINT'),
)

test('without NET_RAW it says what is missing', { skip }, () => {
  const run = spawnSync('docker', ['run', '--rm', '--net', 'host', '--cap-drop', 'ALL', IMAGE, '-c', '-i', 'docker0'], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 1)
  assert.match(run.stderr, /no permission to capture on docker0/)
  assert.match(run.stderr, /NET_RAW/)
})

test('a capture from standard input, with a filter', { skip }, () => {
  const saved = spawnSync('docker', ['run', '--rm', '-i', IMAGE, '-q', '-C', '-0', '-r', '-', 'port 80'], {
    input: Buffer.from('d4c3b2a1020004000000000000000000000004000100000000', 'hex').subarray(0, 24),
    encoding: 'utf8',
  })
  assert.equal(saved.stderr, '')
  assert.equal(saved.status, 0)
})

test('the image stays under 250 MB', { skip }, () => {
  assert.ok(Number(docker('image', 'inspect', '-f', '{{.Size}}', IMAGE)) < 250e6)
})
