// Captures that would take long: the first signal ends the run soon, with everything written, whatever the capture is
// packed in. The bounds are far above what it takes and far below what the rest of the file would.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { pcapOf } from '../support/pcap-builder.ts'
import { mustRun, type Running, run, skipped, start, temporaryFolder, whyNot } from '../support/program.ts'

const whyNotRoot = process.geteuid?.() === 0 ? undefined : 'only root may capture'
const TIMEOUT = { timeout: 60_000 }
const SOON_MILLIS = 3000

const PACKERS: Readonly<Record<string, readonly string[]>> = {
  gz: ['gzip', '-c'],
  zst: ['zstd', '-q', '-c'],
  xz: ['xz', '-c', '-0'],
  bz2: ['bzip2', '-c', '-9'],
}

/** A capture whose packets are mostly empty: hundreds of millions of them, in a file of some megabytes at most. */
function bomb(packer: readonly string[]): Buffer {
  const [program = '', ...args] = packer
  const pack = (bytes: Buffer) => (program === 'gzip' ? gzipSync(bytes) : run(program, args, bytes))
  const head = pack(pcapOf([ethernet({}, ipv4({}, tcp({ flags: 'P.', payload: 'before the zeros' })))]))
  const zeros = pack(Buffer.alloc(16 << 20))
  return Buffer.concat([head, ...Array.from({ length: 300 }, () => zeros)])
}

/** Resolves when the run has read a good part of the file: what it saves grows. */
async function saves(running: Running, path: string): Promise<void> {
  await running.until(() => true, 'it began')
  while (!existsSync(path) || statSync(path).size < 3_000_000) {
    assert.equal(running.child.exitCode, null, running.stderr)
    await sleep(10)
  }
}

/** Resolves when the run has read so much of the file. */
async function reads({ child, pid, stderr }: Running, path: string, bytes: number): Promise<void> {
  const position = (): number => {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      try {
        if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) !== path) continue
        return Number(/^pos:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8'))![1])
      } catch {
        // closed meanwhile
      }
    }
    return 0
  }
  while (position() < bytes) {
    assert.equal(child.exitCode, null, stderr)
    await sleep(10)
  }
}

for (const [extension, packer] of Object.entries(PACKERS)) {
  test(`the first signal ends the reading of .${extension}`, TIMEOUT, async (t: TestContext) => {
    if (skipped(t, whyNot(packer[0]!))) return
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'bomb'), bomb(packer))
    for (const [signal, code, command] of [
      ['SIGINT', 130, ['-C']],
      ['SIGTERM', 143, ['latency']],
      ['SIGINT', 130, ['diagnose', '--exit-code']],
    ] as const) {
      const running = start(t, [...command, '-q', '-r', 'bomb', '-w', 'saved.pcapng'], { cwd: folder })
      await saves(running, join(folder, 'saved.pcapng.partial'))
      const since = performance.now()
      const result = await running.signal(signal)
      const took = performance.now() - since
      assert.equal(result.code, code, result.stderr)
      assert.ok(took < SOON_MILLIS, `${command[0]}: ${took} ms`)
      if (command[0] === '-C') assert.match(result.stdout.toString(), /^before the zeros/)
      assert.deepEqual(readdirSync(folder).sort(), ['bomb', 'saved.pcapng'])
    }
  })
}

test('the first signal ends the reading of a plain file of tiny packets, and a comparison', TIMEOUT, async (t) => {
  const folder = temporaryFolder(t)
  const path = join(realpathSync(folder), 'tiny.pcap')
  writeFileSync(path, pcapOf([ethernet({}, ipv4({}, tcp({ flags: 'P.', payload: 'before the zeros' })))]))
  run('truncate', ['-s', '6G', path]) // sparse: nothing on the disk
  const running = start(t, ['-C', '-q', '-r', 'tiny.pcap', '-w', 'saved.pcapng'], { cwd: folder })
  await saves(running, join(folder, 'saved.pcapng.partial'))
  const since = performance.now()
  const result = await running.signal('SIGINT')
  assert.ok(performance.now() - since < SOON_MILLIS)
  assert.equal(result.code, 130)
  await mustRun(t, ['-C', '-q', '-r', 'saved.pcapng'], { cwd: folder })

  const comparing = start(t, ['latency', '--compare', 'tiny.pcap', 'tiny.pcap'], { cwd: folder })
  await reads(comparing, path, 4_000_000)
  const later = performance.now()
  const compared = await comparing.signal('SIGTERM')
  assert.ok(performance.now() - later < SOON_MILLIS)
  assert.equal(compared.code, 143, compared.stderr)
  assert.match(compared.stderr, /nothing to compare/)
})

test('Ctrl-C in the moment of the first line ends a capture in order, every time', TIMEOUT, async (t) => {
  if (skipped(t, whyNotRoot)) return
  for (let round = 0; round < 20; round++) {
    const command = round % 2 === 0 ? ['-c'] : ['latency', '--metrics', '0']
    const running = start(t, [...command, '-i', 'lo', 'tcp port 1'])
    await running.until(({ stderr }) => stderr !== '', 'it spoke')
    const { code, signal, stderr } = await running.signal('SIGINT')
    assert.equal(signal, null, stderr)
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^tcpflow: listening on lo$/m)
  }
})
