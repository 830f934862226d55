// What is read is never written over, outputs do not destroy each other, and what is written is whole when it has its name.

import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ethernet, ipv4, tcp } from '../support/packet-builder.ts'
import { pcapOf } from '../support/pcap-builder.ts'
import { mustRun, run, start, tcpflow, temporaryFolder, whyNot } from '../support/program.ts'

const TIMEOUT = { timeout: 60_000 }
const PACKETS = 40

/** Of so many packets; one connection that says a line in each. */
function capture(packets = PACKETS): Buffer {
  const frames = Array.from({ length: packets }, (_, at) =>
    ethernet({}, ipv4({}, tcp({ sport: 4000, dport: 80, seq: 100 + at * 10, flags: 'P.', payload: 'line line\n' }))),
  )
  return pcapOf(frames)
}

/** A folder with trace.pcap, and two more names of it. */
function scene(t: TestContext): { folder: string; bytes: Buffer } {
  const folder = temporaryFolder(t)
  const bytes = capture()
  writeFileSync(join(folder, 'trace.pcap'), bytes)
  symlinkSync('trace.pcap', join(folder, 'soft'))
  linkSync(join(folder, 'trace.pcap'), join(folder, 'hard'))
  symlinkSync('.', join(folder, 'here'))
  writeFileSync(join(folder, 'other.pcap'), bytes)
  return { folder, bytes }
}

test('what is read is not written over, whatever it is called: exit 2, and nothing is made', TIMEOUT, async (t) => {
  const { folder, bytes } = scene(t)
  const before = readdirSync(folder)
  for (const args of [
    ['-r', 'trace.pcap', '-w', 'trace.pcap'],
    ['-r', 'trace.pcap', '-w', './here/here/trace.pcap'],
    ['-r', 'trace.pcap', '-w', 'soft'],
    ['-r', 'trace.pcap', '-w', 'hard'],
    ['-r', 'soft', '-w', 'trace.pcap'],
    ['-r', 'hard', '-w', 'soft'],
    ['-r', '-', '-w', 'hard'],
    ['-r', '/dev/stdin', '-w', 'soft'],
    ['-r', 'other.pcap', '-R', 'trace.pcap', '-w', 'soft'],
    ['-l', '-w', 'hard', 'other.pcap', 'trace.pcap'],
    ['-r', 'trace.pcap', '-X', 'soft', '-o', 'out'],
    ['-c', '-r', 'trace.pcap', '-X', 'hard'],
    ['-r', '-', '-X', 'trace.pcap', '-o', 'out'],
    ['latency', '-r', 'trace.pcap', '-w', 'soft'],
  ]) {
    const stdin = openSync(join(folder, 'trace.pcap'), 'r')
    const { code, stderr } = await start(t, args, { cwd: folder, stdin }).result
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, /^tcpflow: -[wX] \S+ would overwrite (standard input|\S+), which is read\n {2}\S/)
    assert.ok(readFileSync(join(folder, 'trace.pcap')).equals(bytes), args.join(' '))
    assert.deepEqual(readdirSync(folder), before, args.join(' '))
  }
})

test('standard output that is the capture which is read gets nothing', TIMEOUT, async (t) => {
  const { folder, bytes } = scene(t)
  for (const args of [['-c'], ['--json'], ['-w', '-'], ['latency']]) {
    const stdout = openSync(join(folder, 'hard'), 'a')
    const { code, stderr } = await start(t, [...args, '-r', 'trace.pcap'], { cwd: folder, stdout }).result
    assert.equal(code, 2, stderr)
    assert.ok(readFileSync(join(folder, 'trace.pcap')).equals(bytes))
  }
})

test('a rotated file does not replace one that is read', TIMEOUT, async (t) => {
  const folder = temporaryFolder(t)
  // as `-w base.pcap` would call its first file: what is written when a replay is rotated again
  const bytes = capture()
  writeFileSync(join(folder, 'first.pcap'), bytes)
  await mustRun(t, ['-r', 'first.pcap', '-w', 'base.pcap', '--rotate-size', '1K'], { cwd: folder })
  const names = readdirSync(folder).filter((name) => name.startsWith('base_'))
  assert.ok(names.length > 2)
  const second = readFileSync(join(folder, names[1]!))
  symlinkSync(names[1]!, join(folder, 'alias'))
  const args = ['-r', 'alias', '-r', 'first.pcap', '-w', 'base.pcap', '--rotate-size', '1K']
  const { code, stderr } = await tcpflow(t, args, { cwd: folder })
  assert.equal(code, 1)
  assert.match(stderr, /would write over .*which is read/)
  assert.ok(readFileSync(join(folder, names[1]!)).equals(second))
})

test('two outputs that are one file: exit 2', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  writeFileSync(join(folder, 'old'), 'as it was')
  linkSync(join(folder, 'old'), join(folder, 'old too'))
  for (const args of [
    ['-w', 'new', '-X', 'here/new', '-o', 'out'],
    ['-w', 'old', '-X', 'old too', '-o', 'out'],
    ['-w', 'out/report.xml', '-o', 'out'],
    ['-w', 'out/../out/report.xml', '-o', 'here/out'],
  ]) {
    const { code, stderr } = await tcpflow(t, ['-r', 'trace.pcap', ...args], { cwd: folder })
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, / are one file\n/)
    assert.ok(!existsSync(join(folder, 'out')))
    assert.equal(readFileSync(join(folder, 'old'), 'utf8'), 'as it was')
  }
  for (const args of [
    ['-c', '-w', 'printed'],
    ['-c', '-X', 'printed'],
  ]) {
    const stdout = openSync(join(folder, 'printed'), 'w')
    const { code } = await start(t, ['-r', 'trace.pcap', ...args], { cwd: folder, stdout }).result
    assert.equal(code, 2)
  }
})

test('/dev/null, standard output under any name and a FIFO are written to as they are', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  const { stdout: expected } = await mustRun(t, ['-q', '-r', 'trace.pcap', '-w', '-'], { cwd: folder })
  await mustRun(t, ['-r', 'trace.pcap', '-w', 'trace.pcapng'], { cwd: folder })
  assert.ok(readFileSync(join(folder, 'trace.pcapng')).equals(expected))
  await mustRun(t, ['-r', 'trace.pcap', '-w', '/dev/null'], { cwd: folder })
  assert.ok(statSync('/dev/null').isCharacterDevice())
  for (const name of ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
    const { stdout } = await mustRun(t, ['-r', 'trace.pcap', '-w', name], { cwd: folder })
    assert.ok(stdout.equals(expected), name)
  }
  // a file that the shell has written to already
  writeFileSync(join(folder, 'log'), 'before ')
  const log = openSync(join(folder, 'log'), 'a')
  await start(t, ['-r', 'trace.pcap', '-w', '/dev/stdout'], { cwd: folder, stdout: log }).result
  assert.ok(readFileSync(join(folder, 'log')).equals(Buffer.concat([Buffer.from('before '), expected])))
  if (whyNot('mkfifo') === undefined) {
    run('mkfifo', [join(folder, 'fifo')])
    const writing = tcpflow(t, ['-r', 'trace.pcap', '-w', 'fifo'], { cwd: folder })
    const read = start(t, ['-q', '-r', 'fifo', '-w', '-'], { cwd: folder })
    assert.equal((await writing).code, 0)
    assert.equal((await read.result).code, 0)
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('partial')),
    [],
  )
})

test('a link is followed and stays a link; a file that may not be written is not replaced', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  mkdirSync(join(folder, 'below'))
  symlinkSync('below/real.pcapng', join(folder, 'link.pcapng'))
  await mustRun(t, ['-r', 'trace.pcap', '-w', 'link.pcapng'], { cwd: folder })
  assert.deepEqual(readdirSync(join(folder, 'below')), ['real.pcapng'])
  assert.equal(statSync(join(folder, 'below/real.pcapng')).mode & 0o777, 0o600)
  if (process.geteuid?.() === 0) return
  chmodSync(join(folder, 'other.pcap'), 0o400)
  assert.equal((await tcpflow(t, ['-r', 'trace.pcap', '-w', 'other.pcap'], { cwd: folder })).code, 1)
})

test('while it grows and after a crash a file is called .partial, and can be read', TIMEOUT, async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'saved.pcapng'), 'an earlier capture')
  const running = start(t, ['-r', '-', '-w', 'saved.pcapng'], { cwd: folder, stdin: 'pipe' })
  running.child.stdin!.write(capture())
  const partial = join(folder, 'saved.pcapng.partial')
  while (!existsSync(partial) || statSync(partial).size < 2000) await sleep(20)
  assert.equal(readFileSync(join(folder, 'saved.pcapng'), 'utf8'), 'an earlier capture')
  assert.equal(statSync(partial).mode & 0o777, 0o600)
  await running.signal('SIGKILL')
  const { stdout } = await mustRun(t, ['-C', '-B', '-0', '-r', partial])
  assert.equal(stdout.toString(), 'line line\n'.repeat(PACKETS))
  // the next run does not take away what is left of the one before
  writeFileSync(join(folder, 'trace.pcap'), capture(3))
  await mustRun(t, ['-r', 'trace.pcap', '-w', 'saved.pcapng'], { cwd: folder })
  assert.deepEqual(readdirSync(folder).sort(), ['saved.pcapng', 'saved.pcapng.partial', 'trace.pcap'])
  const again = await mustRun(t, ['-C', '-B', '-0', '-r', join(folder, 'saved.pcapng')])
  assert.equal(again.stdout.toString(), 'line line\n'.repeat(3))
})

test('what cannot begin leaves nothing behind, and what was there as it was', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  writeFileSync(join(folder, 'letter.pcap'), 'Dear reader, this is no capture.')
  writeFileSync(join(folder, 'saved.pcapng'), 'an earlier capture')
  const before = readdirSync(folder)
  for (const args of [
    ['-r', 'trace.pcap', '-o', 'out', 'port', 'porrt'],
    ['-r', 'trace.pcap', '-r', 'other.pcap', '-o', 'out', '-w', 'saved.pcapng', 'tcp portt 1'],
    ['-r', 'missing.pcap', '-o', 'out', '-w', 'saved.pcapng'],
    ['-r', 'letter.pcap', '-w', 'saved.pcapng'],
    ['-i', 'nonesuch0', '-o', 'out', '-w', 'saved.pcapng'],
    ['-r', 'trace.pcap', '-o', 'out', '--script', 'missing.lua'],
  ]) {
    const { code, stderr } = await tcpflow(t, args, { cwd: folder })
    assert.equal(code, 1, `${args.join(' ')}: ${stderr}`)
    assert.deepEqual(readdirSync(folder), before, args.join(' '))
    assert.equal(readFileSync(join(folder, 'saved.pcapng'), 'utf8'), 'an earlier capture')
  }
})

test('a filter that only some link types know is not refused', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  // libpcap knows `wlan addr1` for 802.11 alone: the file, which is Ethernet, is what is wrong then
  const { stderr } = await tcpflow(t, ['-c', '-r', 'trace.pcap', 'wlan addr1 00:00:00:00:00:01'], { cwd: folder })
  assert.match(stderr, /bad filter|cannot be filtered/)
  const { stdout } = await mustRun(t, ['-C', '-B', '-0', '-r', 'trace.pcap', 'ether proto 0x800 and port 80'], {
    cwd: folder,
  })
  assert.equal(stdout.toString(), 'line line\n'.repeat(PACKETS))
})

test('everything that is made is its owner’s alone, whatever the umask', TIMEOUT, async (t) => {
  const { folder } = scene(t)
  const args = ['-r', 'trace.pcap', '-o', 'out', '-I', '-K', '-a', '-Fk', '-w', 'saved.pcapng', '-X', 'about.xml']
  await mustRun(t, args, { cwd: folder, wrapper: ['sh', '-c', 'umask 0; exec "$@"', 'sh'] })
  const made = [
    'about.xml',
    'saved.pcapng',
    'out',
    ...readdirSync(join(folder, 'out'), { recursive: true }).map((name) => `out/${name}`),
  ]
  assert.ok(made.some((name) => name.endsWith('.findx')) && made.some((name) => name.endsWith('.pcap')), made.join(' '))
  for (const name of made) {
    const status = statSync(join(folder, name))
    assert.equal(status.mode & 0o777, status.isDirectory() ? 0o700 : 0o600, name)
  }
})
