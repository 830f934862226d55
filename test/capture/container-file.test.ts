// A container's file is read as the container sees it, and nothing else, whatever the container puts in the way. The container
// is a process with a root folder of its own (chroot), as /proc/PID/root shows it.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Broker, startBroker } from '../../src/capture/broker-launcher.ts'
import { checkContainerFileRequest, MAXIMUM_FILE_BYTES, readContainerFile } from '../../src/capture/container-file.ts'
import { buildCapturePrograms } from '../support/capture-programs.ts'

const isRoot = process.geteuid?.() === 0

function asRoot(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (!isRoot) {
      console.error(`SKIPPED: ${name}: chroot needs root`)
      return t.skip('needs root')
    }
    await body(t)
  })
}

interface Container {
  readonly pid: number
  readonly root: string
  put(path: string, text: string | Buffer): void
  link(path: string, target: string): void
  /** Text, or why not. */
  read(path: string, onOpen?: () => void): string
  end(): Promise<void>
}

const NAMESPACE = /\d+/.exec(isRoot ? readlinkSync('/proc/self/ns/net') : '0')![0]

async function container(t: TestContext): Promise<Container> {
  const root = mkdtempSync(join(tmpdir(), 'tcpflow-container-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const put = (path: string, text: string | Buffer): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  // Something that waits, with the libraries that it takes.
  const libraries = spawnSync('ldd', ['/bin/sleep'], { encoding: 'utf8' }).stdout.match(/\/\S+/g) ?? []
  for (const path of ['/bin/sleep', ...libraries]) {
    put(path, '')
    copyFileSync(path, join(root, path))
    chmodSync(join(root, path), 0o755)
  }
  put('/etc/passwd', 'the container’s\n')
  const child = spawn('chroot', [root, '/bin/sleep', '1000'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const pid = child.pid!
  while (readlinkSync(`/proc/${pid}/root`) !== root) await new Promise((resolve) => setTimeout(resolve, 5))
  return {
    pid,
    root,
    put,
    link: (path, target) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      symlinkSync(target, join(root, path))
    },
    read: (path, onOpen) => readContainerFile({ pid, namespaceInode: NAMESPACE, path }, onOpen).toString(),
    end: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    },
  }
}

asRoot('files, links and folders of the container; nothing above its root', async (t) => {
  const { read, put, link } = await container(t)
  put('/data/a/file', 'found\n')
  link('/data/absolute', '/data/a/file')
  link('/data/relative', 'a/../a/./file')
  link('/data/folder', '/data/a')
  link('/data/up', '../../../../../etc/passwd')
  link('/etc/resolv.conf', '/data/folder/../relative')
  for (const path of ['/data/a/file', '//data///a/./file', '/data/absolute', '/data/relative', '/data/folder/file']) {
    assert.equal(read(path), 'found\n', path)
  }
  assert.equal(read('/etc/resolv.conf'), 'found\n')
  for (const path of ['/etc/passwd', '/data/up', '/../../../etc/passwd', '/data/../../../etc/passwd']) {
    assert.equal(read(path), 'the container’s\n', path)
  }
  link('/data/shadow', '/etc/shadow') // the host has one, the container has none
  assert.equal(read('/data/shadow'), 'there is no such file')
  assert.equal(read('/nothing/at/all'), 'there is no such file')
  assert.equal(read('/data/a/file/more'), 'a part of the path is no folder')
  assert.equal(read('/data/a'), 'it is no regular file')
  assert.equal(read('/'), 'it is no regular file')
  link('/loop', '/loop')
  assert.equal(read('/loop'), 'there are too many links')
  assert.equal(read(`/${'data/../'.repeat(500)}etc/passwd`), 'the path is too long')
})

asRoot('links that are exchanged all the time lead to nothing of the host', async (t) => {
  const { root, put, link, read } = await container(t)
  put('/inside/passwd', 'inside\n')
  // A folder and a link that names one of the host take turns under one name.
  const exchanger = spawn(process.execPath, [
    '-e',
    `const fs = require('fs'); const root = process.argv[1]
    fs.mkdirSync(root + '/folder'); fs.writeFileSync(root + '/folder/passwd', 'inside\\n'); fs.symlinkSync('/etc', root + '/other')
    for (;;) { fs.renameSync(root + '/folder', root + '/x'); fs.renameSync(root + '/other', root + '/folder')
      fs.renameSync(root + '/folder', root + '/other'); fs.renameSync(root + '/x', root + '/folder') }`,
    root,
  ])
  const seen = new Set<string>()
  const until = performance.now() + 1500
  while (performance.now() < until) seen.add(read('/folder/passwd'))
  const ended = new Promise((resolve) => exchanger.once('exit', resolve))
  exchanger.kill('SIGKILL')
  await ended // or it would be in the way of removing the folder
  const allowed = ['inside\n', 'the container’s\n', 'there is no such file']
  const others = [...seen].filter((text) => !allowed.includes(text) && !/EINVAL|ELOOP|ENOTDIR/.test(text))
  assert.deepEqual(others, [])
  assert.ok(seen.has('inside\n'))
  assert.ok(!seen.has(readFileSync('/etc/passwd', 'utf8')))
  // Exchanged while it is read: what was opened is what is read.
  put('/keys', 'keys\n')
  link('/evil', '/etc/passwd')
  assert.equal(
    read('/keys', () => renameSync(join(root, 'evil'), join(root, 'keys'))),
    'keys\n',
  )
})

asRoot('only regular files: a FIFO, a device and a socket are refused, and nobody waits for them', async (t) => {
  const { root, read, link } = await container(t)
  spawnSync('mkfifo', [join(root, 'fifo')])
  spawnSync('mknod', [join(root, 'zero'), 'c', '1', '5'])
  spawnSync('mknod', [join(root, 'tty'), 'c', '5', '0'])
  link('/to-fifo', 'fifo')
  for (const path of ['/fifo', '/to-fifo', '/zero', '/tty']) assert.equal(read(path), 'it is no regular file', path)
})

asRoot('procfs is not entered: its links lead anywhere', async (t) => {
  const { root, read, link } = await container(t)
  mkdirSync(join(root, 'proc'))
  assert.equal(spawnSync('mount', ['-t', 'proc', 'proc', join(root, 'proc')]).status, 0)
  t.after(() => spawnSync('umount', ['-l', join(root, 'proc')]))
  link('/way', `/proc/${process.pid}/root/etc/passwd`)
  for (const path of ['/way', `/proc/${process.pid}/root/etc/passwd`, '/proc/version', '/proc/self/fd/0']) {
    assert.equal(read(path), 'it lies in /proc', path)
  }
  spawnSync('umount', ['-l', join(root, 'proc')])
})

asRoot('16 MiB and no more, also when it grows', async (t) => {
  const { root, read, put } = await container(t)
  put('/large', '')
  truncateSync(join(root, 'large'), MAXIMUM_FILE_BYTES)
  assert.equal(read('/large').length, MAXIMUM_FILE_BYTES)
  truncateSync(join(root, 'large'), 2 ** 40)
  assert.equal(read('/large'), 'it is longer than 16 MiB')
  truncateSync(join(root, 'large'), MAXIMUM_FILE_BYTES)
  assert.equal(
    read('/large', () => appendFileSync(join(root, 'large'), 'x')),
    'it is longer than 16 MiB',
  )
})

asRoot('another process with the number, or in another namespace: nothing is told', async (t) => {
  const { pid, read, end } = await container(t)
  const other = readContainerFile({ pid, namespaceInode: `${NAMESPACE}1`, path: '/etc/passwd' })
  assert.equal(other, 'the container has ended meanwhile')
  assert.equal(read('/etc/passwd'), 'the container’s\n')
  const descriptors = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 50; i++) read('/etc/passwd')
  assert.equal(readdirSync('/proc/self/fd').length, descriptors, 'descriptors are closed')
  await end()
  assert.equal(read('/etc/passwd'), 'there is no such file')
})

asRoot('the broker reads it for a process without rights, and only where the plan asks for files', async (t) => {
  const { pid, put, root } = await container(t)
  put('/keys', Buffer.alloc(3_000_000, 'key'))
  const programs = await buildCapturePrograms()
  const program = { ...programs.program(), narrow: true }
  const broker = new Broker(await startBroker(program, programs.brokerPath, ['open-container-file']))
  t.after(() => broker.close())
  const ask = { pid, namespaceInode: NAMESPACE, path: '/keys' }
  const [first, second] = await Promise.all([
    broker.read('open-container-file', ask),
    broker.read('open-container-file', ask),
  ])
  assert.ok(first.equals(readFileSync(join(root, 'keys'))))
  assert.ok(second.equals(first))
  await assert.rejects(
    broker.read('open-container-file', { ...ask, path: '/none' }),
    /^OperatorError: there is no such file$/,
  )
  await assert.rejects(broker.ask('inspect-process', { pid }), /this run does not ask for inspect-process/)
  await broker.close()
  await assert.rejects(broker.read('open-container-file', ask), /has ended/)
})

test('requests are checked: a process, a namespace, an absolute path, and no more', () => {
  const good = { pid: 1, namespaceInode: '4026531840', path: '/etc/resolv.conf' }
  assert.deepEqual(checkContainerFileRequest(good), good)
  for (const change of [{ pid: 0 }, { pid: '1' }, { pid: 1.5 }, { pid: 2 ** 23 }, { namespaceInode: 4 }, { more: 1 }]) {
    assert.equal(typeof checkContainerFileRequest({ ...good, ...change }), 'string', JSON.stringify(change))
  }
  for (const path of ['', 'etc/passwd', '/a\0b', 7, `/${'x'.repeat(5000)}`]) {
    assert.equal(checkContainerFileRequest({ ...good, path }), 'the path must be absolute')
  }
  for (const value of [undefined, null, [], 'x', {}]) assert.equal(typeof checkContainerFileRequest(value), 'string')
})
