import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { OperatorError } from '../../../src/core/errors.ts'
import { OutputClosedError, OutputStream } from '../../../src/output/writing/output-stream.ts'

const folder = mkdtempSync(join(tmpdir(), 'output-stream-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0
/** What a pipe holds that nobody reads (pipe(7)). */
const PIPE_BYTES = 65_536

/** A pipe whose two ends are ours. */
function openPipe(): { reader: number; writer: number } {
  const path = join(folder, `pipe-${count++}`)
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

/** Reads what is there now. */
function readAvailable(fd: number): Buffer {
  const parts: Buffer[] = []
  for (;;) {
    const part = Buffer.alloc(65536)
    try {
      const n = readSync(fd, part)
      if (n === 0) break
      parts.push(part.subarray(0, n))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
      break
    }
  }
  return Buffer.concat(parts)
}

/** Bytes in which a piece lost, doubled or swapped is seen. */
function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16) + seed) & 255
  return bytes
}

test('a file gets everything in order, written in place or copied, small or larger than the buffer', async () => {
  const path = join(folder, 'file')
  const fd = openSync(path, 'w')
  const stream = new OutputStream(fd, { buffer: Buffer.alloc(1000) })
  const parts = [pattern(10), pattern(999, 1), pattern(5000, 2), pattern(300, 3), pattern(1000, 4)]
  for (const part of parts) stream.write(Buffer.concat([Buffer.alloc(3), part]), 3, 3 + part.length)
  const position = stream.reserve(200)
  pattern(150, 5).copy(stream.buffer, position)
  stream.commit(position + 150)
  stream.writeText('grüße')
  assert.equal(stream.blocked, false)
  await stream.finish()
  closeSync(fd)
  const expected = Buffer.concat([...parts, pattern(150, 5), Buffer.from('grüße')])
  assert.ok(readFileSync(path).equals(expected))
  assert.equal(stream.writtenBytes, expected.length)
})

test('reserve refuses what can never fit', () => {
  const stream = new OutputStream(openSync(join(folder, 'small'), 'w'), { buffer: Buffer.alloc(100) })
  assert.throws(() => stream.reserve(101), RangeError)
})

test('a pipe that is not read blocks nobody, and everything arrives once it is', async () => {
  const { reader, writer } = openPipe()
  const stream = new OutputStream(writer)
  const bytes = pattern(1_000_000)
  stream.write(bytes, 0, 300_000)
  stream.flush()
  assert.equal(stream.blocked, true)
  stream.write(bytes, 300_000, 700_000)
  const parts: Buffer[] = []
  let drained = false
  const drain = stream.drain().then(() => {
    const readBytes = parts.reduce((sum, part) => sum + part.length, 0)
    assert.ok(readBytes >= 700_000 - PIPE_BYTES, `drained when ${readBytes} bytes were read`)
    drained = true
  })
  // bytes that come while libuv writes must not overtake
  stream.write(bytes, 700_000, 1_000_000)
  stream.flush()
  while (!drained) {
    parts.push(readAvailable(reader))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await drain
  assert.equal(stream.blocked, false)
  stream.writeText('end')
  await stream.finish()
  parts.push(readAvailable(reader))
  assert.ok(Buffer.concat(parts).equals(Buffer.concat([bytes, Buffer.from('end')])))
  closeSync(reader)
})

test('the shared description of a pipe stays as it was', async () => {
  const { reader, writer } = openPipe()
  const stream = new OutputStream(writer)
  stream.writeText('x')
  await stream.finish()
  const flags = readFileSync(`/proc/self/fdinfo/${writer}`, 'utf8').match(/flags:\s+(\d+)/)
  assert.equal(Number.parseInt(flags![1]!, 8) & constants.O_NONBLOCK, 0)
  assert.ok(fstatSync(writer).isFIFO(), 'still open')
  closeSync(writer)
  closeSync(reader)
})

test('a reader that has gone is an OutputClosedError, told once by drain', async () => {
  const { reader, writer } = openPipe()
  const stream = new OutputStream(writer)
  closeSync(reader)
  stream.writeText('into the void')
  stream.flush()
  assert.equal(stream.blocked, true)
  await assert.rejects(stream.drain(), OutputClosedError)
  stream.writeText('more')
  stream.flush()
  assert.equal(stream.blocked, false)
  await stream.finish()
})

test('a reader that goes while we wait for it is an OutputClosedError', async () => {
  const { reader, writer } = openPipe()
  const stream = new OutputStream(writer)
  stream.write(pattern(500_000), 0, 500_000)
  stream.flush()
  const rejected = assert.rejects(stream.drain(), OutputClosedError)
  setImmediate(() => closeSync(reader))
  await rejected
  await stream.finish()
})

test('abandon ends the wait for a reader that never reads', async () => {
  const { reader, writer } = openPipe()
  const stream = new OutputStream(writer)
  stream.write(pattern(500_000), 0, 500_000)
  const finish = stream.finish()
  setTimeout(() => stream.abandon(), 5)
  await finish
  closeSync(reader)
})

test('a full disk is said in so many words', async () => {
  const fd = openSync('/dev/full', 'w')
  const stream = new OutputStream(fd)
  stream.writeText('x')
  await assert.rejects(stream.finish(), (error) => {
    assert.ok(error instanceof OperatorError && !(error instanceof OutputClosedError))
    assert.equal(error.message, 'no space left on the disk of the output')
    assert.ok(error.hint)
    return true
  })
  closeSync(fd)
})

test('a descriptor that is not open is an OperatorError', async () => {
  const stream = new OutputStream(9999)
  stream.writeText('x')
  await assert.rejects(stream.finish(), OperatorError)
})

/** Runs a program that writes 2 MB to its stdout, says so on stderr every 10 ms while it waits, and then finishes. */
function spawnWriter(command: (program: string) => [string, string[]]): ChildProcess {
  const source = pathToFileURL(join(import.meta.dirname, '../../../src/output/writing/output-stream.ts')).href
  const program = join(folder, `writer-${count++}.mjs`)
  const text = `
    import { OutputStream } from ${JSON.stringify(source)}
    const stream = new OutputStream(1)
    const bytes = Buffer.alloc(2_000_000, 'abcdefghijklmnopqrstuvwxyz012345')
    const timer = setInterval(() => console.error('alive'), 10)
    stream.write(bytes, 0, bytes.length)
    console.error('blocked ' + stream.blocked)
    await stream.finish()
    clearInterval(timer)
    console.error('done')`
  execFileSync('sh', ['-c', 'cat > "$0"', program], { input: text })
  const [file, args] = command(program)
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function expectLivelyWriter(child: ChildProcess, received: (bytes: Buffer) => boolean): Promise<void> {
  let said = ''
  child.stderr!.setEncoding('utf8')
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      said += text
      if (said.split('alive').length > 4) resolve()
    })
  })
  assert.match(said, /^blocked true/m)
  const parts: Buffer[] = []
  child.stdout!.on('data', (part: Buffer) => parts.push(part))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0)
  assert.match(said, /done/)
  assert.ok(received(Buffer.concat(parts)))
}

test('a socket as stdout does not hang the process either', async () => {
  const child = spawnWriter((program) => [process.execPath, ['--import', 'tsx', program]])
  await expectLivelyWriter(child, (bytes) => bytes.equals(Buffer.alloc(2_000_000, 'abcdefghijklmnopqrstuvwxyz012345')))
})

test('a terminal that is not read does not hang the process', async (t) => {
  try {
    execFileSync('script', ['--version'])
  } catch {
    console.error('SKIPPED: script (util-linux) is not installed, a terminal as output is not tested')
    t.skip('needs script')
    return
  }
  // `script` stands between the terminal and the socket to us, and stops reading when we do
  const child = spawnWriter((program) => [
    'sh',
    ['-c', 'exec 3>&2; script -qec "$0 --import tsx $1 2>&3" /dev/null', process.execPath, program],
  ])
  await expectLivelyWriter(child, (bytes) => bytes.length >= 2_000_000)
})
