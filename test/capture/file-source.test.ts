import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openFileSource } from '../../src/capture/file-source.ts'
import { PipeSource } from '../../src/capture/pipe-source.ts'
import { openStdin } from '../../src/capture/stdin-source.ts'
import { OperatorError } from '../../src/core/errors.ts'
import type { ByteSource } from '../../src/core/ports.ts'

let folder = ''
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tcpflow-sources-'))
})
after(() => fs.rmSync(folder, { recursive: true }))

const data = Buffer.alloc(300_000)
for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, i)

/** Everything that a source gives, asked for in pieces of `size`. */
async function drain(source: ByteSource, size = 50_000): Promise<Buffer> {
  const parts: Buffer[] = []
  const into = Buffer.alloc(size + 20, 0xee)
  for (;;) {
    const bytes = await source.read(into, 10, 10 + size)
    assert.ok(bytes >= 0 && bytes <= size)
    if (bytes === 0) break
    parts.push(Buffer.from(into.subarray(10, 10 + bytes)))
    assert.equal(into[9], 0xee)
    assert.equal(into[10 + size], 0xee)
  }
  await source.close()
  return Buffer.concat(parts)
}

function fileWith(name: string, bytes: Buffer): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, bytes)
  return file
}

describe('a regular file', () => {
  test('is read whole, and tells how far it is', async () => {
    const source = openFileSource(fileWith('plain', data))
    assert.equal(source.totalBytes, data.length)
    await source.read(Buffer.alloc(1000), 0, 1000)
    assert.equal(source.consumedBytes, 1000)
    assert.deepEqual(await drain(source), data.subarray(1000))
    assert.equal(source.consumedBytes, data.length)
    await source.close()
  })

  test('gives bytes at once after the first read, without a promise', async () => {
    const source = openFileSource(fileWith('plain', data))
    const into = Buffer.alloc(100)
    await source.read(into, 0, 100)
    assert.equal(source.read(into, 0, 100), 100)
    source.stop()
    assert.equal(source.read(into, 0, 100), 0)
    await source.close()
    await source.close()
  })

  test('is read ahead by another thread', async () => {
    const source = openFileSource(fileWith('plain', data))
    const into = Buffer.alloc(data.length)
    const first = await source.read(into, 0, 1000)
    const ahead = source.readAhead?.(into, first, 200_000)
    assert.ok(ahead instanceof Promise)
    assert.equal(source.consumedBytes, 1000)
    assert.equal(await ahead, 199_000)
    assert.equal(source.consumedBytes, 200_000)
    assert.equal(source.read(into, 200_000, data.length), 100_000)
    assert.deepEqual(into, data)
    assert.equal(source.readAhead?.(into, 0, 100), undefined)
    await source.close()
  })

  test('is not closed before the other thread is done with it, and gives nothing after a stop', async () => {
    const source = openFileSource(fileWith('plain', data))
    const into = Buffer.alloc(data.length)
    await source.read(into, 0, 1000)
    const ahead = source.readAhead?.(into, 1000, data.length)
    source.stop()
    await source.close()
    assert.deepEqual(into.subarray(0, 1000), data.subarray(0, 1000))
    const later = Buffer.from(into)
    assert.equal(await ahead, 0)
    assert.deepEqual(into, later)
    assert.equal(source.readAhead?.(into, 0, 100), undefined)
  })

  for (const length of [0, 1, 2, 5]) {
    test(`of ${length} bytes that might be the start of something compressed`, async () => {
      const bytes = Buffer.from([0x42, 0x5a, 0x68, 0x20, 0x20]).subarray(0, length)
      assert.deepEqual(await drain(openFileSource(fileWith('short', bytes))), bytes)
    })
  }
})

describe('what cannot be opened', () => {
  for (const [name, make, message, hint] of [
    ['no such file', () => path.join(folder, 'missing.pcap'), /^no such file: .*missing.pcap$/, /-r takes/],
    ['a file as directory', () => path.join(fileWith('plain', data), 'x'), /^no such file/, /not a directory/],
    ['a directory', () => folder, /is a directory$/, /tcpflow -l/],
    ['a loop of links', () => loop(), /^cannot open .*ELOOP/, undefined],
  ] as const) {
    test(name, () => {
      assert.throws(
        () => openFileSource(make()),
        (error) => {
          assert.ok(error instanceof OperatorError, String(error))
          assert.match(error.message, message)
          if (hint !== undefined) assert.match(error.hint ?? '', hint)
          return true
        },
      )
    })
  }

  function loop(): string {
    const link = path.join(folder, 'loop')
    fs.symlinkSync(link, link)
    return link
  }

  test('no permission', (t) => {
    const file = fileWith('secret', data)
    fs.chmodSync(file, 0)
    if (process.getuid?.() !== 0) {
      assert.throws(() => openFileSource(file), /^OperatorError: no permission to read/)
      return
    }
    // Root may read everything: somebody else must try.
    fs.chmodSync(folder, 0o755)
    const script = `
      process.setgid('nogroup'); process.setuid('nobody')
      const { openFileSource } = await import(${JSON.stringify(sourceUrl)})
      try { openFileSource(${JSON.stringify(file)}); console.log('opened') }
      catch (error) { console.log(error.name + ': ' + error.message + ' / ' + error.hint) }`
    try {
      const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        encoding: 'utf8',
        cwd: root,
      })
      assert.match(said, /^OperatorError: no permission to read .*secret \/ .*sudo/)
    } catch (error) {
      if (!/EACCES|ERR_UNKNOWN_CREDENTIAL/.test(String((error as { stderr?: string }).stderr))) throw error
      console.error('NOT TESTED: reading without permission, because this folder is closed to other users')
      t.skip('no other user can start our code')
    }
  })
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const sourceUrl = new URL('../../src/capture/file-source.ts', import.meta.url).href

describe('pipes', () => {
  test('a FIFO, whose writer comes later and writes slowly', async () => {
    const fifo = path.join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const source = openFileSource(fifo)
    assert.equal(source.totalBytes, -1)
    const reading = drain(source, 7000)
    const file = fileWith('plain', data)
    const writer = spawn('sh', [
      '-c',
      `sleep 0.05; (head -c 3 "$1"; sleep 0.05; tail -c +4 "$1") > "$2"`,
      'sh',
      file,
      fifo,
    ])
    assert.deepEqual(await reading, data)
    assert.equal(source.consumedBytes, data.length)
    await exited(writer)
  })

  test('a FIFO without a writer neither holds up close nor the end of the process', async () => {
    const fifo = path.join(folder, 'silent')
    execFileSync('mkfifo', [fifo])
    const source = openFileSource(fifo)
    const pending = source.read(Buffer.alloc(100), 0, 100)
    setTimeout(() => source.close(), 20)
    assert.equal(await pending, 0)
  })

  test('stop: what has arrived is still given, then the end', async () => {
    const fifo = path.join(folder, 'stopped')
    execFileSync('mkfifo', [fifo])
    const source = new PipeSource(fifo, fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK))
    const writer = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
    fs.writeSync(writer, data.subarray(0, 1000))
    const into = Buffer.alloc(400)
    assert.equal(await source.read(into, 0, 400), 400)
    source.stop()
    assert.equal(source.read(into, 0, 400), 400)
    assert.equal(source.read(into, 0, 400), 200)
    assert.equal(source.read(into, 0, 400), 0)
    await source.close()
    fs.closeSync(writer)
  })

  function exited(child: ChildProcess): Promise<void> {
    return new Promise((resolve) => (child.exitCode === null ? child.on('exit', () => resolve()) : resolve()))
  }
})

describe('standard input', () => {
  /** Runs a program that copies standard input through openFileSource('-') to a file, in a shell command. */
  function copyIn(command: string, ...argv: string[]): { output: Buffer; error: string } {
    const script = path.join(folder, 'copy.mts')
    fs.writeFileSync(
      script,
      `import { openFileSource } from ${JSON.stringify(sourceUrl)}
       import fs from 'node:fs'
       try {
         const source = openFileSource('-')
         const file = fs.openSync(process.argv[2], 'w')
         const into = Buffer.alloc(100_000)
         for (let n = await source.read(into, 0, into.length); n > 0; n = await source.read(into, 0, into.length)) {
           fs.writeSync(file, into, 0, n)
         }
         await source.close()
         fs.writeSync(2, 'total ' + source.totalBytes)
       } catch (error) { fs.writeSync(2, error.name + ': ' + error.message) }`,
    )
    const [output, errors] = [path.join(folder, 'output'), path.join(folder, 'errors')]
    fs.writeFileSync(output, '')
    const copy = `${process.execPath} --import tsx ${script} ${output} 2>${errors}`
    execFileSync('sh', ['-c', command.replace('COPY', copy), 'sh', ...argv], { cwd: root, stdio: 'ignore' })
    return { output: fs.readFileSync(output), error: fs.readFileSync(errors, 'utf8') }
  }

  test('redirected from a file is read as one, from where it stands', () => {
    const file = fileWith('plain', data)
    assert.deepEqual(copyIn('COPY < "$1"', file), { output: data, error: `total ${data.length}` })
  })

  test('a pipe', () => {
    const file = fileWith('plain', data)
    assert.deepEqual(copyIn('cat "$1" | COPY', file), { output: data, error: 'total -1' })
  })

  test('a compressed pipe', () => {
    const file = fileWith('plain', data)
    assert.deepEqual(copyIn('gzip -c "$1" | COPY', file), { output: data, error: 'total -1' })
  })

  test('/dev/null is empty and a directory is refused', () => {
    assert.deepEqual(copyIn('COPY < /dev/null').output.length, 0)
    assert.match(copyIn('COPY < /').error, /^OperatorError: standard input is a directory/)
  })

  test('a terminal is refused', (t) => {
    let terminal: number
    try {
      terminal = fs.openSync('/dev/ptmx', 'r+')
    } catch {
      console.error('NOT TESTED: a terminal as standard input, because there are no pseudo-terminals here')
      return t.skip('no /dev/ptmx')
    }
    try {
      assert.throws(
        () => openStdin(terminal),
        (error) => {
          assert.ok(error instanceof OperatorError)
          assert.match(error.message, /is a terminal/)
          assert.match(error.hint ?? '', /tcpdump -w -/)
          return true
        },
      )
    } finally {
      fs.closeSync(terminal)
    }
  })
})
