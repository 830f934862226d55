// Our image as the one that captures, and engines that are reached from elsewhere: what works with which privileges.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { after, before, type TestContext, test } from 'node:test'
import {
  addressOf,
  afterwards,
  ask,
  askUntilAnswered,
  docker,
  startServer,
  uniqueName,
  whyNoDocker,
} from '../support/docker.ts'
import { forwardedSocket, tlsFront } from '../support/engine-ways.ts'
import { buildImage, IMAGE, removeImage } from '../support/image.ts'
import { start, tcpflow } from '../support/program.ts'
import { exactly, NET_RAW, rightsOfRun, sets } from '../support/rights.ts'

const why = whyNoDocker()
if (why !== undefined) console.error(`containers are not tested from the image: ${why}`)
const skip = why ?? false
const SOCKET = '/var/run/docker.sock'
const SETPCAP = 1n << 8n
const SYS_PTRACE = 1n << 19n
const SYS_ADMIN = 1n << 21n

before(() => {
  if (why === undefined) buildImage()
})
after(() => {
  if (why === undefined) removeImage()
})

/** `docker run FLAGS IMAGE ARGS`, as the README's alias does. */
class Captor {
  stdout = ''
  stderr = ''
  readonly name = uniqueName('captor')
  readonly #child: ChildProcess
  readonly #closed: Promise<number | null>

  constructor(t: TestContext, flags: readonly string[], args: readonly string[]) {
    const run = ['run', '--rm', '--name', this.name, '--net', 'host', '-v', `${SOCKET}:${SOCKET}:ro`, ...flags, IMAGE]
    afterwards(t, () => spawnSync('docker', ['rm', '-f', this.name]))
    this.#child = spawn('docker', [...run, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#closed = new Promise((resolve) => this.#child.on('close', resolve))
  }

  /** Of its first process, as the host numbers it. */
  get pid(): number {
    return Number(docker('inspect', '-f', '{{.State.Pid}}', this.name))
  }

  async until(what: () => boolean): Promise<void> {
    for (let tries = 0; tries < 400 && !what() && this.#child.exitCode === null; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(what(), `stdout: ${this.stdout.slice(-1000)}\nstderr: ${this.stderr}`)
  }

  async stop(): Promise<void> {
    docker('kill', '-s', 'INT', this.name)
    assert.equal(await this.#closed, 0, this.stderr)
  }
}

/** Containers that were made beside this one. Those of other runs on the same engine do not count. */
function sidecarsOf(name: string): string[] {
  const network = `container:${docker('inspect', '-f', '{{.Id}}', name)}`
  const all = docker('ps', '-a', '-q', '-f', 'label=tcpflow.sidecar')
  if (all === '') return []
  // one that is removed meanwhile is an error of this command, and the others are told all the same
  const format = '{{.Id}} {{.HostConfig.NetworkMode}}'
  const { stdout } = spawnSync('docker', ['inspect', '-f', format, ...all.split('\n')], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.endsWith(` ${network}`))
}

/** The engine takes a moment to remove what has ended. */
async function assertNoSidecarLeft(name: string): Promise<void> {
  for (let tries = 0; tries < 100 && sidecarsOf(name).length > 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 100))
  assert.deepEqual(sidecarsOf(name), [])
}

test('the alias as in the README: the veth by the bridge’s own table, with no further privilege', {
  skip,
}, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  await askUntilAnswered(addressOf(web), '/before')
  const captor = new Captor(t, ['--read-only'], ['-c', '--container', web])
  await captor.until(() => captor.stderr.includes(`${web}: veth`))
  const body = (await ask(addressOf(web), '/asked'))!
  await captor.until(() => captor.stdout.includes(body))
  assert.match(captor.stdout, new RegExp(`host\\.\\d{5}-${web}\\.00080: GET /asked`))
  await captor.stop()
  await assertNoSidecarLeft(web)
})

test('without the host’s processes, a namespace is captured by a sidecar from the same image', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { flags: ['--network', 'none'], self: true })
  const captor = new Captor(t, [], ['-c', '--container', web])
  await captor.until(() => captor.stdout.includes(`answer of ${web} to /self`))
  assert.match(captor.stderr, /from a sidecar container in its network/)
  assert.equal(sidecarsOf(web).length, 1)
  await captor.stop()
  await assertNoSidecarLeft(web)
})

test('with --pid host and SYS_ADMIN it enters the namespace itself', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { flags: ['--network', 'none'], self: true })
  const flags = [
    '--pid',
    'host',
    '--cap-add',
    'SYS_ADMIN',
    '--cap-add',
    'SYS_PTRACE',
    '--security-opt',
    'apparmor=unconfined',
  ]
  const captor = new Captor(t, flags, ['-c', '--container', web])
  await captor.until(() => captor.stdout.includes(`answer of ${web} to /self`))
  assert.match(captor.stderr, /in its network namespace/)
  const { parser, broker, child } = rightsOfRun(captor.pid)
  assert.deepEqual(sets(parser!), exactly(0n))
  assert.deepEqual(sets(broker!), exactly(NET_RAW | SYS_ADMIN | SYS_PTRACE | SETPCAP))
  assert.deepEqual(sets(child!), exactly(NET_RAW))
  await captor.stop()
})

test('the same without SYS_PTRACE, for a container with the usual capabilities', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { flags: ['--network', 'none'], self: true })
  const flags = ['--pid', 'host', '--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined']
  const captor = new Captor(t, flags, ['-c', '--container', web, '--via', 'netns'])
  await captor.until(() => captor.stdout.includes(`answer of ${web} to /self`))
  const { parser, broker, child } = rightsOfRun(captor.pid)
  assert.deepEqual(sets(parser!), exactly(0n))
  assert.deepEqual(sets(child!), exactly(NET_RAW))
  // The kernel lets it look at a process that holds no more than it does itself.
  assert.ok((broker!.effective & SYS_ADMIN) !== 0n && (broker!.effective & SYS_PTRACE) === 0n)
  assert.ok(broker!.noNewPrivileges)
  await captor.stop()
})

test('the sidecar goes even when what started it is killed', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { flags: ['--network', 'none'], self: true })
  const run = start(t, ['-c', '--container', web, '--via', 'sidecar', '--sidecar-image', IMAGE])
  await run.until(({ stdout }) => stdout.includes('/self'), 'it captured')
  assert.equal(sidecarsOf(web).length, 1)
  await run.signal('SIGKILL')
  for (let tries = 0; tries < 100 && sidecarsOf(web).length > 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 100))
  await assertNoSidecarLeft(web)
})

test('a sidecar follows a restart into the new namespace', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { self: true })
  const run = start(t, ['-c', '--container', web, '--via', 'sidecar', '--sidecar-image', IMAGE])
  await run.until(({ stdout }) => stdout.includes('/self'), 'it captured')
  docker('restart', '-t', '0', web)
  await run.until(({ stderr }) => /from a sidecar container in its network, seen from/.test(stderr), 'it followed')
  const before = run.stdout.length
  await run.until(({ stdout }) => stdout.subarray(before).includes('/self'), 'it captured again')
  assert.equal((await run.signal('SIGINT')).code, 0, run.stderr)
  await assertNoSidecarLeft(web)
})

async function capturesThrough(t: TestContext, env: Record<string, string>): Promise<void> {
  const web = uniqueName('web')
  startServer(t, web)
  const address = addressOf(web)
  await askUntilAnswered(address, '/before')
  const args = ['-c', '--container', web, '--via', 'sidecar', '--sidecar-image', IMAGE, 'port 80']
  const run = start(t, args, { env })
  await run.until(({ stderr }) => stderr.includes('from a sidecar container'), 'it captured')
  const body = (await ask(address, '/far-away'))!
  await run.until(({ stdout }) => stdout.includes(body), 'it showed the answer')
  assert.equal((await run.signal('SIGINT')).code, 0, run.stderr)
  await assertNoSidecarLeft(web)
}

test('an engine over a forwarded socket', { skip }, async (t) => {
  const { path } = await forwardedSocket(t)
  await capturesThrough(t, { DOCKER_HOST: `unix://${path}` })
})

test('a remote engine over TLS, with a client certificate', { skip }, async (t) => {
  const { port, certificates } = await tlsFront(t)
  const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates }
  await capturesThrough(t, env)
})

test('the engine goes away and comes back: the capture goes on, and what changed meanwhile is noticed', {
  skip,
}, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  await askUntilAnswered(addressOf(web), '/before')
  const { path, cut, mend } = await forwardedSocket(t)
  const run = start(t, ['-c', '--container', web], { env: { DOCKER_HOST: `unix://${path}` } })
  await run.until(({ stderr }) => stderr.includes(`${web}: veth`), 'it captured')
  await cut()
  await run.until(({ stderr }) => stderr.includes('the engine is gone'), 'it noticed')
  const body = (await ask(addressOf(web), '/meanwhile'))!
  await run.until(({ stdout }) => stdout.includes(body), 'it captured without the engine')
  docker('restart', '-t', '0', web)
  await mend()
  const captured = (stderr: string): number => stderr.split(`${web}: veth`).length - 1
  await run.until(({ stderr }) => stderr.includes('the engine is back') && captured(stderr) > 1, 'it looked anew')
  const again = await askUntilAnswered(addressOf(web), '/again')
  await run.until(({ stdout }) => stdout.includes(again), 'it captured the restarted one')
  assert.equal((await run.signal('SIGINT')).code, 0, run.stderr)
})

test('a sidecar image that is not there is named, with what to do', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const args = ['-c', '--container', web, '--via', 'sidecar', '--sidecar-image', 'no/such-image:1']
  const { code, stderr } = await tcpflow(t, args)
  assert.equal(code, 1, stderr)
  assert.match(stderr, /^tcpflow: .*no\/such-image:1.*\n {2}.*--sidecar-image/)
})
