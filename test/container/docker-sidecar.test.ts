// The sidecar against an engine that does anything: what it is made with, what comes out of it, and that it is removed.

import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Engine, Sidecar, SidecarRequest } from '../../src/container/engine.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { settle } from '../support/manual-clock.ts'
import { type Answer, connect, type FakeEngine, type FakeRequest, fakeEngine, json } from './fake-engine.ts'

const TARGET = 'a'.repeat(64)
const REQUEST: SidecarRequest = {
  image: 'tcpflow:1',
  targetId: TARGET,
  entrypoint: ['node'],
  command: ['child.js', '{}'],
  memoryBytes: 300_000_000,
  lastBytes: Buffer.from('s'),
}
const UPGRADED = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'

/** An engine on which the sidecar's own calls work, under whatever name it gives itself. */
class SidecarEngine {
  readonly fake: FakeEngine
  /** `create`, `attach`, `start`, `remove`, `inspect` in the order in which they came. */
  readonly calls: string[] = []
  created: FakeRequest | undefined = undefined
  attached: FakeRequest | undefined = undefined
  socket: Duplex | undefined = undefined
  received = ''
  inputEnded = false

  constructor(fake: FakeEngine, change: Record<string, Answer> = {}, firstBytes: Buffer = Buffer.alloc(0)) {
    this.fake = fake
    const noted =
      (call: string, answer: Answer): Answer =>
      (response, request) => {
        this.calls.push(call)
        ;(change[call] ?? answer)(response, request)
      }
    fake.on('POST /containers/create', (response, request) => {
      this.created = request
      const name = request.query.get('name')!
      fake.on(
        `POST /containers/${name}/start`,
        noted('start', (r) => r.writeHead(204).end()),
      )
      fake.on(
        `DELETE /containers/${name}`,
        noted('remove', (r) => r.writeHead(204).end()),
      )
      fake.on(`GET /containers/${name}/json`, noted('inspect', json({ message: '' }, 404)))
      fake.on(`POST /containers/${name}/attach`, noted('attach', json({}, 404)))
      fake.onUpgrade(`POST /containers/${name}/attach`, (socket, attached) => {
        this.calls.push('attach')
        this.attached = attached
        this.socket = socket
        socket.on('data', (chunk) => {
          this.received += chunk
        })
        socket.on('end', () => {
          this.inputEnded = true
        })
        if (change.attach === undefined) socket.write(Buffer.concat([Buffer.from(UPGRADED), firstBytes]))
        else socket.end('HTTP/1.1 409 Conflict\r\nContent-Length: 14\r\n\r\n{"message":""}')
      })
      noted('create', json({ Id: 'c'.repeat(64) }, 201))(response, request)
    })
  }
}

async function start(
  t: TestContext,
  change: Record<string, Answer> = {},
  firstBytes?: Buffer,
): Promise<{ engine: Engine; made: SidecarEngine; sidecar: Sidecar }> {
  const fake = await fakeEngine(t)
  const made = new SidecarEngine(fake, change, firstBytes)
  const engine = await connect(t, fake)
  const sidecar = await engine.startSidecar(REQUEST)
  return { engine, made, sidecar }
}

async function refused(promise: Promise<unknown>): Promise<OperatorError> {
  const error = await promise.then(
    () => new assert.AssertionError({ message: 'it was accepted' }),
    (reason) => reason,
  )
  assert.ok(error instanceof OperatorError, String(error.stack))
  return error
}

function piece(kind: number, bytes: Buffer | string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUInt32BE(Buffer.byteLength(bytes), 4)
  return Buffer.concat([header, Buffer.from(bytes)])
}

async function readAll({ data }: Sidecar, step = 7000): Promise<Buffer> {
  const chunks: Buffer[] = []
  const into = Buffer.alloc(step + 20, 0xee)
  for (;;) {
    const bytes = await data.read(into, 10, 10 + step)
    if (bytes === 0) break
    assert.ok(bytes <= step)
    chunks.push(Buffer.from(into.subarray(10, 10 + bytes)))
  }
  assert.ok(into.subarray(0, 10).every((byte) => byte === 0xee) && into.subarray(10 + step).every((b) => b === 0xee))
  return Buffer.concat(chunks)
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !what(); tries++) await sleep(5)
  assert.ok(what(), 'it did not happen')
}

test('what it may, and in which order', async (t) => {
  const { made, sidecar } = await start(t)
  assert.deepEqual(made.calls, ['create', 'attach', 'start'])
  assert.match(made.created!.query.get('name')!, /^tcpflow-sidecar-[0-9a-f]{12}$/)
  assert.deepEqual([...made.created!.query.keys()], ['name'])
  const body = JSON.parse(made.created!.body)
  assert.deepEqual(body.HostConfig, {
    NetworkMode: `container:${TARGET}`,
    CapDrop: ['ALL'],
    CapAdd: ['NET_RAW'],
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: true,
    AutoRemove: true,
    Memory: 300_000_000,
    MemorySwap: 300_000_000,
    PidsLimit: 64,
    LogConfig: { Type: 'none', Config: {} },
  })
  const { Image, Entrypoint, Cmd, User, Tty, OpenStdin, StdinOnce, Labels } = body
  assert.deepEqual(
    { Image, Entrypoint, Cmd, User, Tty, OpenStdin, StdinOnce, Labels },
    {
      Image: 'tcpflow:1',
      Entrypoint: ['node'],
      Cmd: ['child.js', '{}'],
      User: '0',
      Tty: false,
      OpenStdin: true,
      StdinOnce: true,
      Labels: { 'tcpflow.sidecar': '1' },
    },
  )
  const { stream, stdin, stdout, stderr } = Object.fromEntries(made.attached!.query)
  assert.deepEqual([stream, stdin, stdout, stderr], ['true', 'true', 'true', 'true'])
  await sidecar.data.close()
})

test('its input: what is sent, the last bytes, the end', async (t) => {
  const { made, sidecar } = await start(t)
  sidecar.send(Buffer.from('go'))
  sidecar.data.stop()
  sidecar.data.stop()
  sidecar.send(Buffer.from('too late'))
  await until(() => made.inputEnded)
  assert.equal(made.received, 'gos')
  // It may still speak.
  made.socket!.end(piece(1, 'last packets'))
  assert.equal((await readAll(sidecar)).toString(), 'last packets')
  await sidecar.data.close()
})

test('its output, cut anywhere', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(0, 1, 1, 1, 2), fc.uint8Array({ maxLength: 300 })), { maxLength: 12 }),
      fc.array(fc.nat(3000), { maxLength: 10 }),
      fc.integer({ min: 1, max: 500 }),
      fc.nat(100),
      async (pieces, cuts, step, early) => {
        const stream = Buffer.concat(pieces.map(([kind, bytes]) => piece(kind, Buffer.from(bytes))))
        const of = (wanted: number) =>
          Buffer.concat(pieces.flatMap(([kind, bytes]) => (kind === wanted ? [bytes] : [])))
        // Some of it comes along with the answer to the upgrade.
        const { made, sidecar } = await start(t, {}, stream.subarray(0, early))
        const reading = readAll(sidecar, step)
        let from = Math.min(early, stream.length)
        for (const cut of [...cuts, stream.length].sort((a, b) => a - b)) {
          if (cut <= from || from >= stream.length) continue
          await new Promise<void>((resolve) => made.socket!.write(stream.subarray(from, cut), () => resolve()))
          from = cut
        }
        made.socket!.end()
        assert.deepEqual(await reading, of(1))
        assert.deepEqual(Buffer.from(sidecar.stderrTail), Buffer.from(of(2).toString('utf8')))
        assert.equal(sidecar.data.consumedBytes, of(1).length)
        await sidecar.data.close()
      },
    ),
    { seed: 11, numRuns: 30 },
  )
})

test('much output, and errors of which the last are kept', async (t) => {
  const { made, sidecar } = await start(t)
  const megabyte = Buffer.alloc(1 << 20, 'x')
  const reading = readAll(sidecar, 65_536)
  for (let i = 0; i < 40; i++)
    made.socket!.write(Buffer.concat([piece(1, megabyte), piece(2, `line ${i}\n`.repeat(300))]))
  made.socket!.end(piece(2, 'the end\n'))
  assert.equal((await reading).length, 40 << 20)
  assert.match(sidecar.stderrTail, /line 39\nthe end\n$/)
  assert.ok(sidecar.stderrTail.length <= 8192)
  await sidecar.data.close()
})

test('who does not read is not sent more', async (t) => {
  const { made, sidecar } = await start(t)
  const { socket } = made
  let written = 0
  const more = () => {
    while (written < 64 && socket!.write(piece(1, Buffer.alloc(1 << 20)))) written++
    if (written < 64) socket!.once('drain', more)
  }
  more()
  // Both ends live in this process: what would still be read is read in the next turns.
  for (let before = -1; written > before; ) {
    before = written
    await settle()
  }
  assert.ok(written < 8, `${written} MiB were taken`)
  socket!.removeListener('drain', more)
  await sidecar.data.close()
})

test('output that is none', async (t) => {
  for (const junk of [
    'HTTP/1.1 500 whatever',
    '\x01\x00\x00\x01\x00\x00\x00\x01x',
    '\x03\x00\x00\x00\x00\x00\x00\x01x',
  ]) {
    const { made, sidecar } = await start(t)
    made.socket!.write(Buffer.concat([piece(1, 'good'), Buffer.from(junk, 'latin1')]))
    const into = Buffer.alloc(100)
    assert.equal(await sidecar.data.read(into, 0, 100), 4)
    assert.match(
      (await refused(Promise.resolve(sidecar.data.read(into, 0, 100)))).message,
      /not the output of a container/,
    )
    await sidecar.data.close()
  }
})

test('an end in the midst of a piece is an end', async (t) => {
  const { made, sidecar } = await start(t)
  made.socket!.end(piece(1, 'packets').subarray(0, 12))
  assert.equal((await readAll(sidecar)).toString(), 'pack')
  await sidecar.data.close()
})

test('it is removed by force, once', async (t) => {
  const { made, sidecar } = await start(t)
  const reading = sidecar.data.read(Buffer.alloc(10), 0, 10)
  await Promise.all([sidecar.data.close(), sidecar.data.close()])
  assert.equal(await reading, 0)
  const removals = made.fake.requests.filter(({ method }) => method === 'DELETE')
  assert.equal(removals.length, 1)
  assert.deepEqual(Object.fromEntries(removals[0]!.query), { force: 'true', v: 'true' })
})

test('a removal that is under way is waited for', async (t) => {
  let looks = 0
  const { made, sidecar } = await start(t, {
    remove: json({ message: 'removal of container is already in progress' }, 409),
    inspect: (response, request) => json({}, ++looks < 3 ? 200 : 404)(response, request),
  })
  await sidecar.data.close()
  assert.deepEqual(made.calls, ['create', 'attach', 'start', 'remove', 'inspect', 'inspect', 'inspect'])
})

for (const status of [404, 500]) {
  test(`a removal that is answered with ${status}`, async (t) => {
    const { sidecar } = await start(t, { remove: json({ message: 'no' }, status) })
    await sidecar.data.close()
  })
}

test('a removal when the engine is gone', async (t) => {
  const { made, sidecar } = await start(t)
  await made.fake.shutDown()
  await sidecar.data.close()
})

test("the engine's end does not end it, and it is removed afterwards", async (t) => {
  const { engine, made, sidecar } = await start(t)
  await engine.close()
  made.socket!.write(piece(1, 'still'))
  assert.equal(await sidecar.data.read(Buffer.alloc(10), 0, 10), 5)
  await sidecar.data.close()
  assert.deepEqual(made.calls, ['create', 'attach', 'start', 'remove'])
})

async function startRefused(t: TestContext, change: Record<string, Answer>): Promise<[OperatorError, string[]]> {
  const fake = await fakeEngine(t)
  const made = new SidecarEngine(fake, change)
  const error = await refused((await connect(t, fake)).startSidecar(REQUEST))
  return [error, made.calls]
}

test('no such image', async (t) => {
  const [{ message, hint }] = await startRefused(t, { create: json({ message: 'No such image: tcpflow:1' }, 404) })
  assert.equal(message, 'the engine has no image tcpflow:1 for the sidecar')
  assert.match(hint!, /docker save tcpflow:1 \| docker -H unix:\/\/\/fake load; .*--sidecar-image/)
})

test('no such target', async (t) => {
  const fake = await fakeEngine(t)
  new SidecarEngine(fake, { create: json({ message: 'No such container: x' }, 404) })
  fake.on('GET /images/tcpflow%3A1/json', json({ Id: 'sha256:1' }))
  const { message } = await refused((await connect(t, fake)).startSidecar(REQUEST))
  assert.match(message, /refuses to create the sidecar: No such container: x/)
})

test('what is created and cannot be attached or started is removed', async (t) => {
  const no = json({ message: 'no' }, 500)
  assert.deepEqual((await startRefused(t, { attach: no }))[1], ['create', 'attach', 'remove'])
  const [{ message }, calls] = await startRefused(t, { start: json({ message: 'cannot join network' }, 409) })
  assert.deepEqual(calls, ['create', 'attach', 'start', 'remove'])
  assert.match(message, /refuses to start the sidecar: cannot join network/)
})

test('an image without the program is not ours', async (t) => {
  for (const message of [
    'failed to create task for container: exec: "node": executable file not found in $PATH: unknown',
    'crun: executable file `node` not found in $PATH: No such file or directory',
  ]) {
    const [error, calls] = await startRefused(t, { start: json({ message }, 400) })
    assert.equal(error.message, "the image tcpflow:1 is not tcpflow's: it has no node")
    assert.match(error.hint ?? '', /^--sidecar-image wants the image .*docker build/)
    assert.deepEqual(calls, ['create', 'attach', 'start', 'remove'])
  }
  const [error] = await startRefused(t, { start: json({ message: 'namespace of target not found' }, 409) })
  assert.match(error.message, /refuses to start the sidecar: namespace of target not found/)
})

test('what may have been created is removed', async (t) => {
  const [, calls] = await startRefused(t, { create: (response) => response.destroy() })
  assert.deepEqual(calls, ['create', 'remove'])
})
