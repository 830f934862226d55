// bin/tcpflow and bin/setup in a fresh copy of this tree: the first start, later ones, and everything that may be
// missing. Packages are really installed, once.

import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import packageJson from '../../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '..', '..')
const VERSION = `tcpflow ${packageJson.version}\n`
const NOBODY = 65534

let folder = ''
let clone = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tcpflow-launcher-'))
  chmodSync(folder, 0o755)
  clone = freshCopy('a clone')
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** A repository of its own with the files of this work tree, committed or not, and nothing installed or built. */
function freshCopy(name: string): string {
  const target = join(folder, name)
  const listed = git(ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')
  for (const path of listed) {
    if (path === '' || !existsSync(join(ROOT, path))) continue
    mkdirSync(dirname(join(target, path)), { recursive: true })
    copyFileSync(join(ROOT, path), join(target, path))
  }
  git(target, 'init', '-q')
  git(target, 'add', '.')
  return target
}

function git(cwd: string, ...args: string[]): string {
  const result = spawnSync('git', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 })
  assert.equal(result.status, 0, result.stderr)
  return result.stdout
}

function start(root: string, args: readonly string[], path = process.env.PATH): SpawnSyncReturns<string> {
  return spawnSync(join(root, 'bin', 'tcpflow'), args, { encoding: 'utf8', env: { ...process.env, PATH: path } })
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function startInBackground(command: string, args: readonly string[], input: string): Promise<Ended> {
  const child = spawn(command, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.end(input)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

/** A folder for PATH with one program in it that does `body`. */
function fakeProgram(name: string, body: string): string {
  const bin = mkdtempSync(join(folder, 'bin-'))
  chmodSync(bin, 0o755)
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  return bin
}

/** bin/ and package.json alone: what the messages about missing things need. */
function bareTree(name: string): string {
  const tree = join(folder, name)
  mkdirSync(join(tree, 'bin'), { recursive: true })
  for (const path of ['bin/tcpflow', 'bin/setup', 'package.json', 'package-lock.json']) {
    copyFileSync(join(ROOT, path), join(tree, path))
  }
  return tree
}

describe('a clone', { concurrency: false }, () => {
  test('survives that its first set-up is killed in the middle of it', async () => {
    const child = spawn(join(clone, 'bin', 'tcpflow'), ['--version'], { detached: true, stdio: 'ignore' })
    const ended = new Promise((resolve) => child.on('close', resolve))
    while (!existsSync(join(clone, 'node_modules', 'pcap', 'package.json'))) {
      assert.equal(child.exitCode, null)
      await setTimeout(20)
    }
    process.kill(-child.pid!, 'SIGKILL')
    await ended
    assert.ok(!existsSync(join(clone, 'dist', 'tcpflow.js')))
  })

  test('sets itself up, once, when two first starts come at the same moment, and leaves stdin and stdout alone', async () => {
    symlinkSync(join(clone, 'bin', 'tcpflow'), join(folder, 'first link'))
    symlinkSync('first link', join(folder, 'second link'))
    const script = '"./second link" --version; code=$?; cat; exit $code'
    const results = await Promise.all([
      startInBackground('sh', ['-c', script], 'for somebody else'),
      startInBackground('sh', ['-c', script], 'for somebody else'),
    ])
    for (const { code, stdout, stderr } of results) {
      assert.equal(code, 0, stderr)
      assert.equal(stdout, `${VERSION}for somebody else`)
    }
    const said = results.map((r) => r.stderr).join('')
    assert.equal(said.match(/installing packages/g)?.length, 1, said)
    assert.equal(said.match(/building/g)?.length, 1, said)
    assert.match(said, /another set-up is at work/)
    assert.doesNotMatch(said, /live capture will not work/)
  })

  test('starts without a word from then on', () => {
    const { status, stdout, stderr } = start(clone, ['--version'])
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: VERSION, stderr: '' })
    assert.match(start(clone, ['--help']).stdout, /^Usage: tcpflow/)
    assert.equal(start(clone, ['--no such flag']).status, 2)
  })

  test('builds anew when git has changed the sources, and not when it has only looked at them', () => {
    later(join(clone, '.git', 'index'))
    assert.equal(start(clone, ['--version']).stderr, '')
    appendFileSync(join(clone, 'src', 'main.ts'), '\n// pulled\n')
    later(join(clone, '.git', 'index'))
    const pulled = start(clone, ['--version'])
    assert.equal(pulled.stderr, 'tcpflow: building\n')
    assert.equal(pulled.stdout, VERSION)
    assert.equal(start(clone, ['--version']).stderr, '')
  })

  test('goes on where an interrupted set-up stopped', () => {
    rmSync(join(clone, 'dist', '.stamp'))
    rmSync(join(clone, 'dist', 'tcpflow.js'))
    mkdirSync(join(clone, 'dist', '.setup-lock'))
    const dead = spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout
    writeFileSync(join(clone, 'dist', '.setup-lock', 'pid'), dead)
    const { stdout, stderr } = start(clone, ['--version'])
    assert.equal(stdout, VERSION)
    assert.equal(stderr, 'tcpflow: building\n')
    assert.ok(!existsSync(join(clone, 'dist', '.setup-lock')))
  })

  test('keeps what works when new packages are out of reach', () => {
    const lock = join(clone, 'package-lock.json')
    const before = readFileSync(lock, 'utf8')
    writeFileSync(lock, before.replace(/("node_modules\/kleur": \{\s+"version": ")[^"]+/, '$199.0.0'))
    later(join(clone, '.git', 'index'))
    const offline = fakeProgram('npm', 'echo "npm error network unreachable" >&2; exit 1')
    const { status, stdout, stderr } = start(clone, ['--version'], `${offline}:${process.env.PATH}`)
    assert.equal(stdout, VERSION)
    assert.equal(status, 0)
    assert.match(stderr, /npm error network unreachable/)
    assert.match(stderr, /packages could not be installed\n {2}is the npm registry within reach/)
    assert.match(stderr, /going on with what was built before/)
    writeFileSync(lock, before)
  })

  test('says that live capture will not work when the addon cannot be compiled, and reads files', () => {
    const build = join(clone, 'node_modules', 'pcap', 'build')
    renameSync(build, `${build}.away`)
    const broken = fakeProgram('npm', 'echo "fatal error: pcap.h: No such file or directory" >&2; exit 1')
    const setup = spawnSync(join(clone, 'bin', 'setup'), {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${broken}:${process.env.PATH}` },
    })
    assert.equal(setup.status, 0)
    assert.equal(setup.stdout, '')
    assert.match(setup.stderr, /pcap\.h: No such file/)
    assert.match(setup.stderr, /live capture will not work, capture files can be read\n {2}to make it work: /)
    const empty = join(folder, 'empty.pcap')
    writeFileSync(empty, Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'))
    const read = start(clone, ['-c', '-q', '-r', empty])
    assert.equal(read.status, 0, read.stderr)
    const live = start(clone, ['-c', '-i', 'lo'])
    assert.equal(live.status, 1)
    assert.match(live.stderr, /^tcpflow: .*\n {2}\S/m)
    assert.doesNotMatch(live.stderr, /this is a bug|\n +at /)
    renameSync(`${build}.away`, build)
  })
})

describe('what is missing is said in a line, with what to do', () => {
  test('no node', () => {
    const { status, stdout, stderr } = start(bareTree('no node'), ['--version'], '/usr/sbin/nowhere')
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /there is no node in PATH\n {2}Node\.js 20\.19 or newer is needed/)
  })

  test('an old node', () => {
    const old = fakeProgram('node', 'case $1 in --version) echo v18.19.0 ;; *) exit 1 ;; esac')
    const { status, stderr } = start(bareTree('old node'), ['--version'], `${old}:${process.env.PATH}`)
    assert.equal(status, 1)
    assert.match(stderr, /Node\.js 20\.19 or newer is needed, this is v18\.19\.0/)
  })

  test('no registry', () => {
    const offline = fakeProgram('npm', 'echo "npm error getaddrinfo EAI_AGAIN registry.npmjs.org" >&2; exit 1')
    const tree = bareTree('offline')
    const { status, stdout, stderr } = start(tree, ['--version'], `${offline}:${process.env.PATH}`)
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /EAI_AGAIN/)
    assert.match(stderr, /packages could not be installed\n {2}is the npm registry within reach/)
    assert.ok(!existsSync(join(tree, 'dist', '.setup-lock')))
  })

  test('a folder that cannot be written', (t) => {
    const tree = bareTree('read only')
    chmodSync(tree, 0o555)
    const isRoot = process.getuid?.() === 0
    const options = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
    if (spawnSync('node', ['--version'], { ...options, cwd: '/' }).status !== 0) {
      console.error('skipped: the user nobody cannot run node here')
      t.skip('nobody cannot run node')
      return
    }
    const result = spawnSync(join(tree, 'bin', 'tcpflow'), ['--version'], { ...options, cwd: '/', encoding: 'utf8' })
    chmodSync(tree, 0o755)
    assert.equal(result.status, 1)
    assert.equal(result.stdout, '')
    assert.match(result.stderr, /is not set up, and .*read only cannot be written\n {2}run .*bin\/setup once/)
  })
})

/** Gives a file a modification time after everything that was written so far. */
function later(path: string): void {
  const time = Date.now() / 1000 + 2
  utimesSync(path, time, time)
}
