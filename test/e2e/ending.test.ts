// How runs end: signals, readers that go or never read, full disks, folders that cannot be written, damaged input, and
// mistakes of the operator. Each with its exit code, everything written so far intact, and no more than a line and a hint.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type HostPair, makeHostPair } from '../support/netns.ts'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { pcapOf } from '../support/pcap-builder.ts'
import {
  mustRun,
  PROGRAM,
  type Running,
  readFlows,
  run,
  skipped,
  start,
  tcpflow,
  temporaryFolder,
  whyNoTraffic,
  whyNot,
} from '../support/program.ts'
import { startNginx } from '../support/web-server.ts'

const NOBODY = 65534
const AS_NOBODY = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups']
/** A stuck run ends in about one second; ten say that it hangs. */
const PATIENCE_MILLIS = 10_000
const SEGMENT_BYTES = 1400

const notRoot = process.geteuid?.() === 0 ? whyNot('setpriv', 'mount') : 'this needs root'
const noTraffic = whyNoTraffic()

interface Flow {
  readonly client: string
  readonly server: string
  readonly capture: Buffer
  readonly payload: Buffer
}

/** One connection over which the server says `bytes` bytes of numbered lines; nobody says goodbye. */
function longAnswer(bytes: number): Flow {
  const lines: string[] = []
  for (let i = 0, length = 0; length < bytes; i++, length += 16) lines.push(`line ${String(i).padStart(10, '0')}\n`)
  const payload = Buffer.from(lines.join(''))
  const src = '10.0.0.2'
  const dst = '10.0.0.1'
  const frames = [
    ethernet({}, ipv4({ src: dst, dst: src }, tcp({ sport: 4000, dport: 80, seq: 99, flags: 'S' }))),
    ethernet({}, ipv4({ src, dst }, tcp({ sport: 80, dport: 4000, seq: 999, ack: 100, flags: 'S.' }))),
  ]
  for (let at = 0; at < payload.length; at += SEGMENT_BYTES) {
    const part = payload.subarray(at, at + SEGMENT_BYTES)
    frames.push(
      ethernet({}, ipv4({ src, dst }, tcp({ sport: 80, dport: 4000, seq: 1000 + at, ack: 100, payload: part }))),
    )
  }
  return {
    client: '010.000.000.001.04000-010.000.000.002.00080',
    server: '010.000.000.002.00080-010.000.000.001.04000',
    capture: pcapOf(frames),
    payload,
  }
}

let short: Flow
let long: Flow
before(() => {
  short = longAnswer(200_000)
  long = longAnswer(12_000_000)
})

function capture(t: TestContext, { capture }: Flow): string {
  const path = join(temporaryFolder(t), 'long.pcap')
  writeFileSync(path, capture)
  return path
}

/** What went to standard error, without the closing lines: one line that says what is wrong, and at most a hint. */
function assertOneLine(stderr: string, pattern: RegExp): void {
  assert.doesNotMatch(stderr, /^\s+at .*:\d+:\d+/m, 'no stack')
  const lines = stderr.trimEnd().split('\n')
  const said = lines.filter((line) => !/^tcpflow: (listening on|\d[\d,]* packets?,)/.test(line))
  assert.match(said[0] ?? '', pattern)
  assert.ok(said[0]!.startsWith('tcpflow: '))
  for (const hint of said.slice(1)) assert.match(hint, /^ {2}\S/, stderr)
  assert.ok(said.length <= 2, stderr)
}

/** Fails when the run does not end by itself. */
async function endsSoon(running: Running) {
  const result = await Promise.race([running.result, sleep(PATIENCE_MILLIS, undefined, { ref: false })])
  assert.ok(result !== undefined, `still running: ${running.stderr}`)
  return result
}

/** Starts the run with a standard output that is not read until `read()` is called; resolves when it is stuck on it. */
async function startUnread(t: TestContext, args: readonly string[], wrapper: readonly string[] = []) {
  const running = start(t, args, { wrapper })
  running.child.stdout!.pause()
  return { running, read: () => running.child.stdout!.resume() }
}

/** Resolves once the process has read from the file: from then on it is stuck, or nearly, on output that nobody reads. */
async function hasReadFrom(pid: number, path: string): Promise<void> {
  for (;;) {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      try {
        if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) !== path) continue
        if (!/^pos:\s+0$/m.test(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8'))) return
      } catch {
        // closed meanwhile
      }
    }
    await sleep(10)
  }
}

// Signals.

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} while a file is read: exit ${code}, and all output so far is whole`, {
    timeout: 30_000,
  }, async (t) => {
    const path = capture(t, long)
    const { running, read } = await startUnread(t, ['-C', '-B', '-r', path])
    await hasReadFrom(running.pid, path)
    running.child.kill(signal)
    read()
    const result = await endsSoon(running)
    assert.equal(result.code, code, result.stderr)
    const output = result.stdout.subarray(0, -1)
    assert.ok(output.length > 0 && output.length < long.payload.length, `${output.length} bytes`)
    assert.ok(output.equals(long.payload.subarray(0, output.length)))
    assert.match(result.stderr, /^tcpflow: [\d,]+ packets, 1 connection, /m)
  })

  test(`${signal} while a pipe is silent: exit ${code}, and the files are whole`, { timeout: 30_000 }, async (t) => {
    const folder = temporaryFolder(t)
    const running = start(t, ['-o', folder, '-r', '-'], { stdin: 'pipe' })
    running.child.stdin!.write(short.capture.subarray(0, 100_000))
    while (!readFlows(folder).get(short.server)?.length) await sleep(20)
    const { code: exitCode, stderr } = await running.signal(signal)
    assert.equal(exitCode, code, stderr)
    const bytes = readFlows(folder).get(short.server)!
    assert.ok(bytes.length > 90_000 && bytes.equals(short.payload.subarray(0, bytes.length)), `${bytes.length} bytes`)
  })

  test(`${signal} while capturing: exit 0, everything out, and no process stays`, { timeout: 30_000 }, async (t) => {
    if (skipped(t, noTraffic)) return
    const { client, server } = await webPair(t)
    const running = start(t, ['-c', '-i', 'eth0', 'tcp port 80'], { wrapper: client.wrapper })
    await running.listening()
    client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/small`)
    const children = childrenOf(running.pid)
    assert.ok(children.length > 0, 'a capture child runs')
    const result = await running.signal(signal)
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout.toString(), /GET \/small HTTP\/1\.1[\s\S]*hello, world/)
    assert.match(result.stderr, /^tcpflow: \d+ packets, 1 connection, .* of payload$/m)
    assert.deepEqual(children.filter(isRunning), [])
  })
}

test('a second Ctrl-C ends a capture at once, without waiting for a stuck reader', { timeout: 30_000 }, async (t) => {
  if (skipped(t, noTraffic)) return
  const { client, server } = await webPair(t)
  const { running } = await startUnread(t, ['-c', '-i', 'eth0', 'tcp port 80'], client.wrapper)
  await running.listening()
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/large`)
  const children = childrenOf(running.pid)
  running.child.kill('SIGINT')
  await sleep(600)
  running.child.kill('SIGINT')
  // Its output is never read: 'close' would not come.
  const [code] = (await once(running.child, 'exit')) as [number]
  assert.equal(code, 130)
  while (children.some(isRunning)) await sleep(20)
})

test('Ctrl-C that comes twice at once, from the terminal and from a parent, is one', { timeout: 30_000 }, async (t) => {
  if (skipped(t, noTraffic)) return
  const { client, server } = await webPair(t)
  const running = start(t, ['latency', '--table', '-i', 'eth0', 'tcp port 80'], { wrapper: client.wrapper })
  await running.listening()
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/small`)
  running.child.kill('SIGINT')
  await sleep(20)
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await endsSoon(running)
  assert.equal(code, 0, stderr)
  assert.match(stdout.toString(), /^GET \/small +1 /m)
  assert.match(stderr, /^tcpflow: \d+ packets, 1 connection, /m)
})

test('a reader that never reads does not keep Ctrl-C from ending a capture', { timeout: 30_000 }, async (t) => {
  if (skipped(t, noTraffic)) return
  const { client, server } = await webPair(t)
  const { running } = await startUnread(t, ['-c', '-i', 'eth0', 'tcp port 80'], client.wrapper)
  await running.listening()
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/large`)
  const ended = Promise.race([once(running.child, 'exit'), sleep(PATIENCE_MILLIS, ['hangs'])])
  running.child.kill('SIGINT')
  assert.deepEqual((await ended)[0], 0)
})

test('a reader that never reads does not keep Ctrl-C from ending the reading of a file', {
  timeout: 30_000,
}, async (t) => {
  const path = capture(t, long)
  const { running } = await startUnread(t, ['-c', '-r', path])
  await hasReadFrom(running.pid, path)
  const ended = Promise.race([once(running.child, 'exit'), sleep(PATIENCE_MILLIS, ['hangs'])])
  running.child.kill('SIGINT')
  assert.deepEqual((await ended)[0], 130)
})

// Readers that go.

test('| head: quiet, exit 0', { timeout: 30_000 }, async (t) => {
  const path = capture(t, long)
  for (const args of [['-c'], ['-c', '-J'], ['-c', '-D'], ['--json'], ['-w', '-']]) {
    const folder = temporaryFolder(t)
    const script = '"$@" 2>stderr | head -c 100 >head; echo $PIPESTATUS >code'
    const argv = ['-c', script, 'bash', process.execPath, PROGRAM, '-q', ...args, '-r', path]
    assert.equal(spawnSync('bash', argv, { cwd: folder, timeout: 20_000 }).status, 0)
    const said = (name: string) => readFileSync(join(folder, name), 'utf8')
    assert.deepEqual([said('code').trim(), said('stderr')], ['0', ''], args.join(' '))
    assert.equal(readFileSync(join(folder, 'head')).length, 100)
  }
})

test('a capture whose reader has gone ends by itself, exit 0', { timeout: 30_000 }, async (t) => {
  if (skipped(t, noTraffic)) return
  const { client, server } = await webPair(t)
  const running = start(t, ['-c', '-i', 'eth0', 'tcp port 80'], { wrapper: client.wrapper })
  await running.listening()
  running.child.stdout!.destroy()
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/small`)
  const { code, stderr } = await endsSoon(running)
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /EPIPE|closed|broken/i)
})

// Disks and folders.

/** A disk of `kilobytes`. */
function smallDisk(t: TestContext, kilobytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-disk-'))
  run('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder])
  t.after(() => {
    run('umount', ['-l', folder])
    rmdirSync(folder)
  })
  return folder
}

const DISK_FULL = /disk is full|no space left/

test('disk full with -o: exit 1, one line, and the file is whole as far as it goes', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot)) return
  const disk = smallDisk(t, 512)
  const { code, stderr } = await tcpflow(t, ['-q', '-o', disk, '-r', capture(t, long)])
  assert.equal(code, 1)
  assertOneLine(stderr, DISK_FULL)
  const bytes = readFlows(disk).get(long.server)!
  assert.ok(bytes.length > 100_000 && bytes.equals(long.payload.subarray(0, bytes.length)), `${bytes.length} bytes`)
})

test('disk full with -c > file: exit 1, one line, and the text is whole as far as it goes', {
  timeout: 30_000,
}, async (t) => {
  if (skipped(t, notRoot)) return
  const file = join(smallDisk(t, 512), 'console.txt')
  const descriptor = openSync(file, 'w')
  const { code, stderr } = await tcpflow(t, ['-q', '-C', '-r', capture(t, long)], { stdout: descriptor })
  closeSync(descriptor)
  assert.equal(code, 1)
  assertOneLine(stderr, DISK_FULL)
  const bytes = readFileSync(file)
  assert.ok(bytes.length > 400_000 && bytes.equals(long.payload.subarray(0, bytes.length)), `${bytes.length} bytes`)
})

test('disk full with -w: exit 1, one line, and every packet saved can be read', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot ?? whyNot('capinfos'))) return
  const file = join(smallDisk(t, 512), 'saved.pcapng')
  const { code, stderr } = await tcpflow(t, ['-q', '-w', file, '-r', capture(t, long)])
  assert.equal(code, 1)
  assertOneLine(stderr, DISK_FULL)
  const [, packets] = /Number of packets:\s+(\d+)/.exec(run('capinfos', ['-c', '-M', file]).toString())!
  assert.ok(Number(packets) > 200, `${packets} packets`)
  const { stdout } = await mustRun(t, ['-q', '-C', '-B', '-0', '-r', file])
  assert.ok(stdout.length > 300_000 && stdout.equals(long.payload.subarray(0, stdout.length)), `${stdout.length} bytes`)
})

test('a folder or file that may not be written: exit 1, one line', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot)) return
  const path = capture(t, short)
  makeReachable(path)
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o755)
  for (const args of [
    ['-o', folder],
    ['-o', join(folder, 'below')],
    ['-w', join(folder, 'saved.pcapng')],
    ['-c', '-X', join(folder, 'report.xml')],
  ]) {
    const result = await tcpflow(t, ['-q', ...args, '-r', path], { wrapper: AS_NOBODY })
    assert.equal(result.code, 1, `${args}: ${result.stderr}`)
    assertOneLine(result.stderr, /permission denied/i)
    assert.deepEqual(readdirSync(folder), [])
  }
})

test('the console needs no folder that can be written', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot)) return
  const path = capture(t, short)
  makeReachable(path)
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o555)
  const result = await mustRun(t, ['-q', '-C', '-r', path], { wrapper: AS_NOBODY, cwd: folder })
  assert.ok(result.stdout.includes('line 0000000000\n'))
  assert.equal(result.stderr, '')
})

// -U.

test('-U nobody: who parses has no root and no capability, captures, and owns the files', {
  timeout: 30_000,
}, async (t) => {
  if (skipped(t, noTraffic ?? notRoot)) return
  const { client, server } = await webPair(t)
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o755)
  const out = join(folder, 'out')
  mkdirSync(out)
  chownSync(out, NOBODY, NOBODY)
  const running = start(t, ['-U', 'nobody', '-i', 'eth0', '-o', out, 'tcp port 80'], { wrapper: client.wrapper })
  await running.listening()
  const status = readFileSync(`/proc/${running.pid}/status`, 'utf8')
  assert.match(status, /^Uid:(\t65534){4}$/m)
  assert.match(status, /^Gid:(\t65534){4}$/m)
  for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) assert.match(status, new RegExp(`^${set}:\\t0+$`, 'm'))
  for (const thread of readdirSync(`/proc/${running.pid}/task`)) {
    assert.match(readFileSync(`/proc/${running.pid}/task/${thread}/status`, 'utf8'), /^Uid:(\t65534){4}$/m)
  }
  client.run('curl', '-s', '-o', '/dev/null', `http://${server.ipv4}/large`)
  const children = childrenOf(running.pid)
  const { code, stderr } = await running.signal('SIGINT')
  assert.equal(code, 0, stderr)
  const flows = readFlows(out)
  assert.equal(flows.size, 2)
  assert.ok([...flows.values()].some((bytes) => bytes.includes('abcdefg\n'.repeat(50_000))))
  for (const name of readdirSync(out)) assert.equal(statSync(join(out, name)).uid, NOBODY, name)
  while (children.some(isRunning)) await sleep(20)
})

test('-U nobody when files are read: the same, also for what only root may read', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot)) return
  const folder = temporaryFolder(t) // root's alone
  const path = join(folder, 'first.pcap')
  const cut = 24 + (16 + 54) * 2 + (16 + 54 + SEGMENT_BYTES) * 10
  writeFileSync(path, short.capture.subarray(0, cut))
  const outer = temporaryFolder(t)
  chmodSync(outer, 0o755)
  const out = join(outer, 'out')
  mkdirSync(out)
  chownSync(out, NOBODY, NOBODY)
  const running = start(t, ['-U', 'nobody', '-o', out, '-r', path, '-r', '-'], { stdin: 'pipe' })
  running.child.stdin!.write(Buffer.concat([short.capture.subarray(0, 24), short.capture.subarray(cut, cut + 50_000)]))
  while (!((readFlows(out).get(short.server)?.length ?? 0) > 10 * SEGMENT_BYTES)) await sleep(20)
  const status = readFileSync(`/proc/${running.pid}/status`, 'utf8')
  assert.match(status, /^Uid:(\t65534){4}$/m)
  assert.match(status, /^CapEff:\t0+$/m)
  running.child.stdin!.end(short.capture.subarray(cut + 50_000))
  const { code, stderr } = await running.result
  assert.equal(code, 0, stderr)
  assert.ok(readFlows(out).get(short.server)!.equals(short.payload))
  for (const name of readdirSync(out)) assert.equal(statSync(join(out, name)).uid, NOBODY, name)
})

// Input.

test('a truncated capture: everything before the cut, one line that says where, exit 1', {
  timeout: 30_000,
}, async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'cut.pcap')
  const kept = 24 + (16 + 54) * 2 + (16 + 54 + SEGMENT_BYTES) * 10
  writeFileSync(file, short.capture.subarray(0, kept + 300))
  const { code, stdout, stderr } = await tcpflow(t, ['-q', '-C', '-B', '-0', '-r', file])
  assert.equal(code, 1)
  assertOneLine(stderr, /cut\.pcap.*truncated.*packet 13 .*byte \d+/)
  assert.ok(stdout.equals(short.payload.subarray(0, 10 * SEGMENT_BYTES)), `${stdout.length} bytes`)
  const piped = await tcpflow(t, ['-q', '-C', '-B', '-0', '-r', '-'], { input: readFileSync(file) })
  assert.equal(piped.code, 1)
  assertOneLine(piped.stderr, /truncated/)
  assert.ok(piped.stdout.equals(stdout))
})

test('a damaged capture: everything before the damage, one line, exit 1; the next file is read', {
  timeout: 30_000,
}, async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'damaged.pcap')
  const bytes = Buffer.from(short.capture)
  const at = 24 + (16 + 54) * 2 + (16 + 54 + SEGMENT_BYTES) * 10
  bytes.writeUInt32LE(0x7fffffff, at + 8) // a packet of two gigabytes
  writeFileSync(file, bytes)
  const whole = join(folder, 'whole.pcap')
  writeFileSync(whole, pcapOf([ethernet({}, ipv4({ src: '10.7.7.7' }, tcp({ flags: 'P.', payload: 'after it' })))]))
  const { code, stdout, stderr } = await tcpflow(t, ['-q', '-C', '-B', '-0', '-r', file, '-r', whole])
  assert.equal(code, 1)
  assertOneLine(stderr, /damaged\.pcap.*(damaged|packet 13|byte)/)
  const expected = Buffer.concat([short.payload.subarray(0, 10 * SEGMENT_BYTES), Buffer.from('after it')])
  assert.ok(stdout.equals(expected), `${stdout.length} bytes`)
})

test('a damaged compressed capture: what was read before it is out, one line, exit 1', {
  timeout: 30_000,
}, async (t) => {
  const file = join(temporaryFolder(t), 'cut.pcap.gz')
  const compressed = run('gzip', ['-1', '-c'], short.capture)
  writeFileSync(file, compressed.subarray(0, Math.floor(compressed.length / 2)))
  const { code, stdout, stderr } = await tcpflow(t, ['-q', '-C', '-B', '-0', '-r', file])
  assert.equal(code, 1)
  assertOneLine(stderr, /cut\.pcap\.gz ends in the middle/)
  assert.ok(stdout.length > 10_000 && stdout.equals(short.payload.subarray(0, stdout.length)), `${stdout.length} bytes`)
})

test('input that is none: exit 1, one line and a hint', { timeout: 30_000 }, async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, 'text'), 'Dear reader, this is a letter and not a capture.\n')
  writeFileSync(join(folder, 'noise'), Buffer.alloc(1000, 0xc5))
  for (const [name, pattern] of [
    ['empty', /empty is empty/],
    ['text', /text is no capture/],
    ['noise', /noise is no capture/],
    ['missing', /no such file: missing/],
    ['.', /\. is a directory/],
    ['text/below', /no such file: text\/below/],
  ] as const) {
    const { code, stdout, stderr } = await tcpflow(t, ['-c', '-r', name], { cwd: folder })
    assert.equal(code, 1, name)
    assertOneLine(stderr, pattern)
    assert.equal(stdout.length, 0)
  }
  const nothing = await tcpflow(t, ['-c', '-r', '-'], { cwd: folder })
  assert.equal(nothing.code, 1)
  assertOneLine(nothing.stderr, /empty/)
})

test('a file that may not be read: exit 1, one line', { timeout: 30_000 }, async (t) => {
  if (skipped(t, notRoot)) return
  const path = capture(t, short)
  makeReachable(path)
  chmodSync(path, 0o600)
  const { code, stderr } = await tcpflow(t, ['-c', '-r', path], { wrapper: AS_NOBODY })
  assert.equal(code, 1)
  assertOneLine(stderr, /no permission to read/)
})

// Mistakes.

test('interfaces, filters, users and permissions that are not there: exit 1, one line and a hint', {
  timeout: 60_000,
}, async (t) => {
  if (skipped(t, notRoot)) return
  const path = capture(t, short)
  makeReachable(path)
  for (const [args, pattern, wrapper] of [
    [['-i', 'nonesuch0'], /there is no interface nonesuch0/, []],
    [['-i', 'lo', 'porrt 80'], /bad filter 'porrt 80'.*syntax error/, []],
    [['-r', path, 'porrt 80'], /bad filter 'porrt 80'.*syntax error/, []],
    [['-i', 'lo', '-U', 'nonesuchuser'], /there is no user nonesuchuser/, []],
    [['-i', 'lo', '-U', 'root'], /-U root would keep root/, []],
    [['-i', 'lo', '-U', 'nobody'], /only root can become nobody/, AS_NOBODY],
    [['-i', 'lo'], /no permission to capture on lo/, AS_NOBODY],
  ] as const) {
    const { code, stdout, stderr } = await tcpflow(t, ['-c', ...args], { wrapper })
    assert.equal(code, 1, `${args}: ${stderr}`)
    assertOneLine(stderr, pattern)
    assert.match(stderr, /^ {2}\S/m, 'a hint')
    assert.equal(stdout.length, 0)
  }
})

test('flags that are not understood: exit 2', { timeout: 30_000 }, async (t) => {
  for (const args of [['--nonesuch'], ['-r'], ['-z', '/'], ['-c', '--json'], ['-m', 'x'], ['-i', 'lo', '-r', 'x']]) {
    const { code, stdout, stderr } = await tcpflow(t, args)
    assert.equal(code, 2, args.join(' '))
    assert.equal(stdout.length, 0)
    assert.match(stderr, /^tcpflow: .*\n( {2}.*\n)+$/)
  }
})

async function webPair(t: TestContext): Promise<HostPair> {
  const pair = makeHostPair(t)
  await startNginx(t, pair.server, { small: 'hello, world', large: 'abcdefg\n'.repeat(400_000) })
  return pair
}

/** Temporary folders are their owner's alone. */
function makeReachable(path: string): void {
  chmodSync(join(path, '..'), 0o755)
}

/** Processes below `pid`, at any depth. */
function childrenOf(pid: number): number[] {
  let own: number[]
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'))
    own = lists.join(' ').split(/\s+/).filter(Boolean).map(Number)
  } catch {
    return []
  }
  return own.flatMap((child) => [child, ...childrenOf(child)])
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
