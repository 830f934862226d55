// Real engines: Docker's by its socket and by every other way to it, and Podman's. Each is asked everything.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ADDRESS_FILES, type EngineOptions, openEngine } from '../../src/container/docker-engine.ts'
import type { Engine, EngineEvent, Sidecar, SidecarRequest } from '../../src/container/engine.ts'
import { findEngineAddress } from '../../src/container/engine-address.ts'
import { OperatorError } from '../../src/core/errors.ts'
import {
  DOCKER_SOCKET,
  forwardedSocket,
  podmanEngine,
  run,
  sshServer,
  type TlsFront,
  tlsFront,
} from '../support/engine-ways.ts'
import { importTinyImage, whyNoTinyImage } from '../support/tiny-image.ts'

const ROOT = join(import.meta.dirname, '../..')
const BASE_IMAGE = 'node:24-trixie-slim'
const IMAGE = `tcpflow-engine-test-${process.pid}`
const MEGABYTES = 20
/** Of a sidecar's memory, in whole pages. */
const LIMIT = 96 << 20
const DOCKER = ['docker']

const dockerObstacle =
  whyNoTinyImage() ?? (spawnSync('docker', ['info']).status === 0 ? undefined : 'no Docker engine answers')

before(() => {
  if (dockerObstacle === undefined) importTinyImage(DOCKER, IMAGE)
})
after(() => {
  if (dockerObstacle === undefined) spawnSync('docker', ['rmi', '-f', IMAGE])
})

/** A test that needs Docker's engine, and `program`. */
function withDocker(name: string, program: string | undefined, body: (t: TestContext) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async (t) => {
    const obstacle =
      dockerObstacle ?? (program === undefined || existsSync(program) ? undefined : `there is no ${program}`)
    if (obstacle !== undefined) {
      console.error(`SKIPPED: ${name}: ${obstacle}`)
      return t.skip(obstacle)
    }
    await body(t)
  })
}

async function until(what: () => boolean | Promise<boolean>, told: () => unknown): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await what()) return
    await sleep(25)
  }
  assert.fail(`it did not happen: ${JSON.stringify(told())}`)
}

interface Subject {
  readonly engine: Engine
  /** The engine's own command, to do things behind our back. */
  readonly command: readonly string[]
  /** Unique here. */
  readonly name: string
  readonly id: string
  readonly events: EngineEvent[]
}

let containers = 0

function cli({ command }: { command: readonly string[] }, ...args: string[]): string {
  return run(command[0]!, ...command.slice(1), ...args)
}

/** Connects, watches, and then has a container started. */
async function subject(
  t: TestContext,
  dockerHost: string | undefined,
  command: readonly string[] = DOCKER,
  env: Record<string, string> = {},
  options: EngineOptions = {},
): Promise<Subject> {
  const engine = await openEngine(findEngineAddress(dockerHost, env, ADDRESS_FILES), options)
  t.after(() => engine.close())
  const events: EngineEvent[] = []
  await engine.watch((event) => events.push(event))
  const name = `${IMAGE}-${containers++}`
  t.after(() => spawnSync(command[0]!, [...command.slice(1), 'rm', '-f', name]))
  const id = cli({ command }, 'run', '-d', '--name', name, '--label', `purpose=${name}`, IMAGE, 'sleep', '1000')
  return { engine, command, name, id, events }
}

function kindsOf({ events, id }: Subject): string[] {
  return events.filter((event) => event.id === id).map(({ kind }) => kind)
}

async function askEverything(it: Subject): Promise<void> {
  const { engine, name, id } = it
  const version = await engine.version()
  assert.match(version.version, /^\d+\./)
  assert.match(version.apiVersion, /^1\.\d+$/)
  assert.equal(version.operatingSystem, 'linux')

  const listed = (await engine.list(false)).find((each) => each.id === id)
  assert.ok(listed !== undefined)
  assert.equal(listed.name, name)
  assert.ok(listed.image.includes(IMAGE))
  assert.equal(listed.labels.purpose, name)
  assert.equal(listed.state, 'running')
  assert.equal(listed.networkMode, 'bridge')

  for (const wanted of [id, name, id.slice(0, 12)]) {
    const details = await engine.inspect(wanted)
    assert.ok(details !== undefined && details.id === id && details.name === name)
    assert.deepEqual(
      details.networks.map(({ network }) => network),
      listed.networks.map(({ network }) => network),
    )
    assert.ok(details.pid > 0)
    assert.deepEqual(await engine.processIds(id), [details.pid])
  }
  assert.equal(await engine.inspect(`${name}-not`), undefined)

  const [attachment] = listed.networks
  assert.match(attachment!.address, /^\d+\.\d+\.\d+\.\d+$/)
  const network = (await engine.networks()).find((each) => each.name === attachment!.network)
  assert.equal(network?.driver, 'bridge')
  if (version.product === 'Docker') assert.ok(existsSync(`/sys/class/net/${network.bridge}/bridge`), network.bridge)
  else assert.equal(network.bridge, 'podman0')
  assert.equal(network.subnets.length, 1)

  const address = await engine.execute(id, ['cat', '/sys/class/net/eth0/address'])
  assert.equal(address?.trim(), attachment!.macAddress)
  assert.equal(await engine.execute(id, ['cat', '/nowhere']), undefined)
  assert.equal(await engine.execute(id, ['no-such-program']), undefined)
  assert.equal(await engine.execute('f'.repeat(64), ['cat']), undefined)

  assert.equal(await engine.hasImage(IMAGE), true)
  assert.equal(await engine.hasImage(`${IMAGE}-not:1`), false)
}

async function followEvents(it: Subject): Promise<void> {
  await until(
    () => kindsOf(it).includes('start'),
    () => it.events,
  )
  assert.equal(kindsOf(it)[0], 'create')
  const started = it.events.find(({ kind, id }) => kind === 'start' && id === it.id)
  assert.equal(started?.name, it.name)
  assert.equal(started.labels.purpose, it.name)
  it.events.length = 0
  cli(it, 'restart', '-t', '0', it.name)
  await until(
    () => kindsOf(it).includes('start'),
    () => it.events,
  )
  assert.ok(kindsOf(it).indexOf('die') >= 0 && kindsOf(it).indexOf('die') < kindsOf(it).indexOf('start'))
  cli(it, 'rename', it.name, `${it.name}-renamed`)
  await until(
    () => kindsOf(it).includes('rename'),
    () => it.events,
  )
  assert.equal(it.events.find(({ kind }) => kind === 'rename')!.name, `${it.name}-renamed`)
  cli(it, 'rename', `${it.name}-renamed`, it.name)
}

/** What it prints tells what it is; then much data; then what it is sent. */
function sidecarRequest(targetId: string, script: string): SidecarRequest {
  const command = ['-c', script]
  return { image: IMAGE, targetId, entrypoint: ['sh'], command, memoryBytes: LIMIT, lastBytes: Buffer.from('last\n') }
}

async function readAll({ data }: Sidecar, onBytes: (bytes: number) => void = () => {}): Promise<Buffer> {
  const chunks: Buffer[] = []
  const into = Buffer.alloc(256 * 1024)
  for (;;) {
    const bytes = await data.read(into, 0, into.length)
    if (bytes === 0) return Buffer.concat(chunks)
    chunks.push(Buffer.from(into.subarray(0, bytes)))
    onBytes(bytes)
  }
}

/** The ids of the sidecars that were made for this container, as far as the engine still knows them. */
/** Of our own image, after so many events: other tests use the same engine at the same time. */
async function sidecarsLeft(it: Subject, from = 0): Promise<string[]> {
  const made = it.events
    .slice(from)
    .filter(({ kind, labels }) => kind === 'create' && labels['tcpflow.sidecar'] === '1')
  const facts = await Promise.all(made.map(({ id }) => it.engine.inspect(id)))
  return facts.flatMap((each) => (each?.image.includes(IMAGE) ? [each.id] : []))
}

function sidecarsMade(it: Subject): number {
  return it.events.filter(({ kind, labels }) => kind === 'create' && labels['tcpflow.sidecar'] === '1').length
}

async function captureBySidecar(it: Subject): Promise<void> {
  const script = `cat /sys/class/net/eth0/address; grep -E 'CapPrm|NoNewPrivs' /proc/self/status
    echo x > /file || echo read-only; head -c ${MEGABYTES << 20} /dev/zero; cat; echo bye; echo complaint >&2`
  const sidecar = await it.engine.startSidecar(sidecarRequest(it.id, script))
  sidecar.send(Buffer.from('sent\n'))
  let bytes = 0
  const everything = await readAll(sidecar, (more) => {
    bytes += more
    if (bytes >= MEGABYTES << 20) sidecar.data.stop()
  })
  await sidecar.data.close()
  const text = everything.filter((byte) => byte !== 0).toString()
  const { macAddress } = (await it.engine.inspect(it.id))!.networks[0]!
  assert.match(
    text,
    new RegExp(`^${macAddress}\nCapPrm:\t0000000000002000\nNoNewPrivs:\t1\nread-only\nsent\nlast\nbye\n$`),
  )
  assert.equal(everything.filter((byte) => byte === 0).length, MEGABYTES << 20)
  assert.equal(sidecar.data.consumedBytes, everything.length)
  assert.match(sidecar.stderrTail, /complaint\n$/)
  assert.deepEqual(await sidecarsLeft(it), [])
}

/** However it ends. */
async function removeSidecars(it: Subject): Promise<void> {
  const before = sidecarsMade(it)
  const endless = sidecarRequest(it.id, 'while true; do echo more; done')
  const busy = await it.engine.startSidecar(endless)
  assert.ok((await busy.data.read(Buffer.alloc(10), 0, 10)) > 0)
  const idle = await it.engine.startSidecar(sidecarRequest(it.id, 'cat; cat'))
  await Promise.all([busy.data.close(), idle.data.close(), busy.data.close()])
  const failed = await it.engine.startSidecar(sidecarRequest(it.id, 'exec no-such-program')).then(
    async (sidecar) => {
      assert.equal((await readAll(sidecar)).length, 0)
      assert.match(sidecar.stderrTail, /no-such-program/)
      await sidecar.data.close()
    },
    () => assert.fail(),
  )
  assert.equal(failed, undefined)
  const missing: SidecarRequest = { ...endless, entrypoint: ['/no-such-program'] }
  await assert.rejects(it.engine.startSidecar(missing), OperatorError)
  await assert.rejects(it.engine.startSidecar({ ...endless, image: `${IMAGE}-not` }), (error) => {
    assert.ok(error instanceof OperatorError)
    assert.match(error.message, /has no image tcpflow-engine-test-\d+-not for the sidecar/)
    return true
  })
  cli(it, 'stop', '-t', '0', it.name)
  await assert.rejects(it.engine.startSidecar(endless), OperatorError)
  await until(
    () => sidecarsMade(it) >= before + 4,
    () => it.events,
  )
  assert.deepEqual(await sidecarsLeft(it), [])
}

/** What the engine says of the sidecar that we made, and what the kernel holds it to. */
async function limitSidecar(it: Subject): Promise<void> {
  const from = it.events.length
  // cgroup v2, or v1 with a hierarchy each
  const script = `cd /sys/fs/cgroup
    cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes; cat pids.max 2>/dev/null || cat pids/pids.max; cat`
  const sidecar = await it.engine.startSidecar(sidecarRequest(it.id, script))
  let id: string | undefined
  for (let tries = 0; id === undefined && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    id = (await sidecarsLeft(it, from))[0]
  }
  assert.ok(id !== undefined, JSON.stringify(it.events))
  const format = '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}'
  assert.equal(cli(it, 'inspect', '-f', format, id), `${LIMIT} ${LIMIT} 64`)
  sidecar.data.stop()
  const text = (await readAll(sidecar)).toString()
  await sidecar.data.close()
  assert.equal(text, `${LIMIT}\n64\nlast\n`)
  assert.deepEqual(await sidecarsLeft(it), [])
}

async function exercise(it: Subject): Promise<void> {
  await askEverything(it)
  await followEvents(it)
  await captureBySidecar(it)
}

withDocker('by the socket', undefined, async (t) => {
  const it = await subject(t, `unix://${DOCKER_SOCKET}`)
  assert.equal((await it.engine.version()).product, 'Docker')
  await exercise(it)
  await limitSidecar(it)
  await removeSidecars(it)
})

withDocker('by a forwarded socket, which is cut and comes again', undefined, async (t) => {
  const forwarded = await forwardedSocket(t)
  const it = await subject(t, undefined, DOCKER, { DOCKER_HOST: `unix://${forwarded.path}` })
  await exercise(it)
  await forwarded.cut()
  await until(
    () => it.events.some(({ kind }) => kind === 'lost'),
    () => it.events,
  )
  await assert.rejects(it.engine.list(true), OperatorError)
  cli(it, 'start', it.name)
  await forwarded.mend()
  await until(
    () => it.events.some(({ kind }) => kind === 'back'),
    () => it.events,
  )
  assert.equal((await it.engine.inspect(it.id))?.state, 'running')
  it.events.length = 0
  cli(it, 'kill', it.name)
  await until(
    () => kindsOf(it).includes('die'),
    () => it.events,
  )
})

function withTls(name: string, body: (t: TestContext, front: TlsFront) => Promise<void>): void {
  withDocker(name, '/usr/bin/openssl', async (t) => body(t, await tlsFront(t)))
}

withTls('by TCP with TLS', async (t, { port, certificates }) => {
  const env = { DOCKER_HOST: `tcp://localhost:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates }
  const it = await subject(t, undefined, DOCKER, env)
  await exercise(it)
})

withTls('TLS that does not come about', async (_t, { port, certificates, strangers }) => {
  const open = async (env: Record<string, string>) => {
    const address = findEngineAddress(`tcp://127.0.0.1:${port}`, env, ADDRESS_FILES)
    const engine = await openEngine(address).catch((error) => error)
    assert.ok(engine instanceof OperatorError, 'it was accepted')
    return engine
  }
  const plain = await open({})
  assert.match(plain.message, /ended the connection|wants TLS|does not speak/)
  assert.match(plain.hint!, /DOCKER_TLS_VERIFY=1/)
  assert.match((await open({ DOCKER_CERT_PATH: strangers })).message, /certificate of .* cannot be trusted: /)
  assert.match((await open({ DOCKER_TLS: '1' })).hint!, /DOCKER_CERT_PATH/)
  // The end of the connection may overtake the reason.
  const stranger = await open({ DOCKER_TLS: '1', DOCKER_CERT_PATH: strangers })
  assert.match(stranger.message, /does not accept our certificate|ended the connection/)
  assert.match(stranger.hint!, /DOCKER_CERT_PATH/)
  // Another way to write 127.0.0.1, which is not in the certificate.
  const name = findEngineAddress(`tcp://127.1:${port}`, { DOCKER_CERT_PATH: certificates }, ADDRESS_FILES)
  await assert.rejects(
    openEngine(name),
    (error) => error instanceof OperatorError && /another host/.test(error.message),
  )
})

withTls('a port without TLS', async (t, { certificates }) => {
  const forwarded = await forwardedSocket(t)
  const { createServer, connect } = await import('node:net')
  const server = createServer((socket) => {
    const far = connect(forwarded.path).on('error', () => socket.destroy())
    socket
      .on('error', () => far.destroy())
      .pipe(far)
      .pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const engine = await openEngine(findEngineAddress(`tcp://127.0.0.1:${port}`, {}, ADDRESS_FILES))
  assert.ok((await engine.networks()).length > 0)
  await engine.close()
  const secure = findEngineAddress(`tcp://127.0.0.1:${port}`, { DOCKER_CERT_PATH: certificates }, ADDRESS_FILES)
  await assert.rejects(openEngine(secure), (error) => error instanceof OperatorError && /TLS/.test(error.message))
})

withDocker('by ssh', '/usr/sbin/sshd', async (t) => {
  const { user, port, ssh, strangersSsh } = await sshServer(t)
  const host = `ssh://${user}@127.0.0.1:${port}`
  const it = await subject(t, host, DOCKER, {}, { ssh })
  await exercise(it)
  const byPath = await openEngine(findEngineAddress(`${host}${DOCKER_SOCKET}`, {}, ADDRESS_FILES), { ssh })
  assert.ok((await byPath.networks()).length > 0)
  await byPath.close()
  const refusal = (options: EngineOptions, address: string) =>
    openEngine(findEngineAddress(address, {}, ADDRESS_FILES), options).then(
      () => assert.fail('it was accepted'),
      (error) => {
        assert.ok(error instanceof OperatorError, String(error.stack))
        return error.message
      },
    )
  assert.match(await refusal({ ssh: strangersSsh }, host), /Permission denied/)
  assert.match(await refusal({ ssh }, `${host}/no/such.sock`), /no\/such\.sock/)
  assert.match(await refusal({ ssh }, `ssh://${user}@127.0.0.1:1`), /refused/)
  assert.match(await refusal({ ssh: '/no/such/ssh' }, host), /there is no ssh here/)
  await it.engine.close()
  // Each connection was a process: none is left.
  const left = () =>
    run('ps', '-eo', 'args')
      .split('\n')
      .filter((line) => line.includes(`-p ${port} `) && /^(\/\S+\/)?ssh /.test(line))
  await until(() => left().length === 0, left)
})

withDocker('Podman', '/usr/bin/podman', async (t) => {
  const { socket, command } = await podmanEngine(t)
  importTinyImage(command, IMAGE)
  const it = await subject(t, `unix://${socket}`, command)
  assert.equal((await it.engine.version()).product, 'Podman')
  await exercise(it)
  await limitSidecar(it)
  await removeSidecars(it)
})

withDocker('which image we run from', undefined, async (t) => {
  if (spawnSync('docker', ['image', 'inspect', BASE_IMAGE]).status !== 0) {
    console.error(`SKIPPED: there is no image ${BASE_IMAGE}`)
    return t.skip(`there is no image ${BASE_IMAGE}`)
  }
  const script = `import('/tcpflow/src/container/docker-engine.ts').then(async ({ openEngine }) => {
    const address = { kind: 'unix', name: 'unix://', origin: '', path: '${DOCKER_SOCKET}' }
    const engine = await openEngine(address)
    console.log(await engine.ownImage())
    await engine.close()
  })`
  const mounts = ['-v', `${DOCKER_SOCKET}:${DOCKER_SOCKET}:ro`, '-v', `${join(ROOT, 'src')}:/tcpflow/src:ro`]
  mounts.push('-v', `${realpathSync(join(ROOT, 'node_modules'))}:/tcpflow/node_modules:ro`)
  const expected = run('docker', 'image', 'inspect', '-f', '{{.Id}}', BASE_IMAGE)
  for (const network of ['host', 'bridge', 'none']) {
    const printed = run(
      'docker',
      'run',
      '--rm',
      '--net',
      network,
      ...mounts,
      BASE_IMAGE,
      'node',
      '--no-warnings',
      '-e',
      script,
    )
    assert.equal(printed, expected, network)
  }
  const engine = await openEngine(findEngineAddress(`unix://${DOCKER_SOCKET}`, {}, ADDRESS_FILES))
  t.after(() => engine.close())
  // Here is no container, unless these tests run in one of this engine.
  const here = await engine.ownImage()
  assert.ok(here === undefined || here.startsWith('sha256:'))
})

withDocker('a program that is killed leaves no sidecar', undefined, async (t) => {
  const it = await subject(t, `unix://${DOCKER_SOCKET}`)
  const script = `
    import { openEngine } from '${ROOT}/src/container/docker-engine.ts'
    const engine = await openEngine({ kind: 'unix', name: 'unix://', origin: '', path: '${DOCKER_SOCKET}' })
    const request = { image: '${IMAGE}', targetId: '${it.id}', entrypoint: ['cat'], command: [], memoryBytes: ${LIMIT} }
    const sidecar = await engine.startSidecar(request)
    console.log('runs')
    await sidecar.data.read(Buffer.alloc(1), 0, 1)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await until(
    () => sidecarsMade(it) === 1,
    () => it.events,
  )
  assert.equal((await sidecarsLeft(it)).length, 1)
  child.kill('SIGKILL')
  await until(
    async () => (await sidecarsLeft(it)).length === 0,
    () => it.events,
  )
})
