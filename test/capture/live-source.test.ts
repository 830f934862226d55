import assert from 'node:assert/strict'
import { createConnection, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { CaptureExit } from '../../src/capture/capture-process.ts'
import { type CaptureRequest, formatCaptureEnd } from '../../src/capture/capture-request.ts'
import { type LiveSource, openLiveSource } from '../../src/capture/live-source.ts'
import { OperatorError } from '../../src/core/errors.ts'

const REQUEST: CaptureRequest = {
  interfaceName: 'eth0',
  filter: '',
  snapshotBytes: 100,
  kernelBufferBytes: 1 << 20,
  bufferTimeoutMillis: 20,
  promiscuous: true,
}

/** A child whose behaviour the test decides. */
class FakeChild {
  readonly data: Socket
  /** The child's end of its standard output. */
  readonly output: Socket
  readonly exited: Promise<CaptureExit>
  readonly orders: string[] = []
  #exit: (exit: CaptureExit) => void = () => {}

  constructor(data: Socket, output: Socket) {
    this.data = data
    this.output = output
    this.exited = new Promise((resolve) => {
      this.#exit = resolve
    })
  }

  end(exitCode: number, stderrTail = ''): void {
    this.output.end()
    this.#exit({ exitCode, signal: null, stderrTail })
  }

  stop(): void {
    this.orders.push('stop')
  }

  kill(): void {
    this.orders.push('kill')
    this.output.destroy()
    this.#exit({ exitCode: null, signal: 'SIGKILL', stderrTail: '' })
  }
}

async function fakeChild(t: TestContext): Promise<FakeChild> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const { port } = server.address() as { port: number }
  const data = createConnection(port, '127.0.0.1')
  const output = await accepted
  server.close()
  output.on('error', () => {})
  t.after(() => {
    data.destroy()
    output.destroy()
  })
  return new FakeChild(data, output)
}

function open(child: FakeChild): Promise<LiveSource> {
  return openLiveSource(REQUEST, { launch: async () => child, close: async () => {} })
}

async function readAll(source: LiveSource, into: Buffer, piece: number): Promise<string> {
  let text = ''
  for (;;) {
    const count = await source.read(into, 1, 1 + piece)
    if (count === 0) return text
    assert.ok(count <= piece)
    text += into.toString('latin1', 1, 1 + count)
  }
}

test('gives all bytes in whatever pieces they are asked for', async (t) => {
  const child = await fakeChild(t)
  const sent = 'the quick brown fox '.repeat(10_000)
  child.output.write(sent)
  const source = await open(child)
  child.end(0)
  assert.equal(await readAll(source, Buffer.alloc(1024), 777), sent)
  assert.equal(source.consumedBytes, sent.length)
  assert.equal(source.totalBytes, -1)
  assert.equal(source.name, 'eth0')
})

test('opens only when something came', async (t) => {
  const child = await fakeChild(t)
  let isOpen = false
  const opening = open(child).then(() => {
    isOpen = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isOpen, false)
  child.output.write('x')
  await opening
})

test('a child that ends before it opened is an error, in its words', async (t) => {
  const child = await fakeChild(t)
  child.end(1, formatCaptureEnd({ code: 'no-such-interface', message: 'x', interfaceNames: ['lo', 'eth1'] }))
  await assert.rejects(open(child), (error) => {
    assert.ok(error instanceof OperatorError)
    assert.equal(error.message, 'there is no interface eth0')
    assert.match(error.hint ?? '', /^there are: eth1, lo, or any/)
    return true
  })
})

test('stopped: what is on its way still arrives', async (t) => {
  const child = await fakeChild(t)
  child.output.write('before ')
  const source = await open(child)
  source.stop()
  source.stop()
  assert.deepEqual(child.orders, ['stop'])
  child.output.write('after')
  child.end(0)
  assert.equal(await readAll(source, Buffer.alloc(64), 10), 'before after')
  assert.equal(source.endReason, 'stopped')
  assert.equal(source.endMessage, undefined)
})

test('a child that does not obey is killed', async (t) => {
  const child = await fakeChild(t)
  child.output.write('x')
  const source = await open(child)
  source.stop()
  assert.equal(await readAll(source, Buffer.alloc(64), 10), 'x')
  assert.deepEqual(child.orders, ['stop', 'kill'])
  assert.equal(source.endReason, 'stopped')
})

test('gone and broken off are told apart', async (t) => {
  const gone = await fakeChild(t)
  gone.output.write('x')
  const first = await open(gone)
  gone.end(0, formatCaptureEnd({ code: 'interface-gone', message: 'eth0 is gone', interfaceNames: [] }))
  assert.equal(await readAll(first, Buffer.alloc(64), 10), 'x')
  assert.deepEqual([first.endReason, first.endMessage], ['interface-gone', 'eth0 is gone'])

  const broken = await fakeChild(t)
  broken.output.write('x')
  const second = await open(broken)
  broken.end(7, 'file:1\n  throw x\nTypeError: oops\n    at x\n')
  assert.equal(await readAll(second, Buffer.alloc(64), 10), 'x')
  assert.equal(second.endReason, 'failed')
  assert.equal(second.endMessage, 'the capture of eth0 broke off (exit code 7): TypeError: oops')
})

test('nothing piles up when nobody reads', async (t) => {
  const child = await fakeChild(t)
  child.output.write('x')
  const source = await open(child)
  child.output.write(Buffer.alloc(16 * 1024 * 1024))
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(child.data.readableLength <= 256 * 1024, `${child.data.readableLength} bytes queued`)
  await source.close()
})

test('closing ends the child and a read that waits', async (t) => {
  const child = await fakeChild(t)
  child.output.write('x')
  const source = await open(child)
  const into = Buffer.alloc(64)
  assert.equal(await source.read(into, 0, 64), 1)
  const waiting = source.read(into, 0, 64)
  await source.close()
  await source.close()
  assert.equal(await waiting, 0)
  assert.deepEqual(child.orders.slice(0, 1), ['kill'])
})

/** Takes what is delivered; after each piece the source has to wait where `waits` says so. */
function takeDelivered(source: LiveSource, landing: Buffer, waits: (piece: number) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    let pieces = 0
    const delivery = source.deliver!(landing, (bytes) => {
      if (bytes === 0) resolve(text)
      text += landing.toString('latin1', 0, bytes)
      if (!waits(++pieces)) return true
      landing.fill(0, 0, bytes)
      setImmediate(() => delivery.resume())
      return false
    })
    delivery.resume()
  })
}

test('delivers all bytes into one buffer, at once or as fast as they are wanted', async (t) => {
  for (const waits of [() => false, () => true, (piece: number) => piece % 3 === 0]) {
    const child = await fakeChild(t)
    const sent = Array.from({ length: 40_000 }, (_, i) => `packet ${i} `).join('')
    child.output.write(sent.slice(0, 100_000))
    const source = await open(child)
    const taken = takeDelivered(source, Buffer.alloc(10_000), waits)
    child.output.write(sent.slice(100_000))
    child.end(0)
    assert.equal(await taken, sent)
    assert.equal(source.consumedBytes, sent.length)
    assert.equal(source.endReason, 'failed') // nobody asked it to end
    await source.close()
  }
})

test('delivers nothing while it has to wait', async (t) => {
  const child = await fakeChild(t)
  child.output.write('x')
  const source = await open(child)
  let pieces = 0
  source.deliver!(Buffer.alloc(1000), () => {
    pieces++
    return false
  }).resume()
  child.output.write(Buffer.alloc(100_000))
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(pieces, 1)
  await source.close()
})
