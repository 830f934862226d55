// Who may do what while a capture runs: every process of it holds what it needs for its own work, and can gain nothing.

import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { narrowingWrapper, parseRights } from '../../src/capture/capabilities.ts'
import { makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type Running, start, temporaryFolder } from '../support/program.ts'
import { exactly, NET_RAW, rightsOf, rightsOfRun, sets } from '../support/rights.ts'

const obstacle = whyNoNamespaces()
const NOBODY = 65534
/** From 22.15 on Node can start a program in its own process: then the parser is narrowed too. */
const replacesItself = 'execve' in process

function asRoot(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    if (obstacle !== undefined) {
      console.error(`SKIPPED: ${name}: ${obstacle}`)
      return t.skip(obstacle)
    }
    await body(t)
  })
}

async function listening(t: TestContext, args: readonly string[], cwd?: string): Promise<Running> {
  const { client } = makeHostPair(t)
  const run = start(t, ['-i', 'eth0', ...args], { wrapper: client.wrapper, ...(cwd === undefined ? {} : { cwd }) })
  await run.listening()
  return run
}

async function ends(run: Running): Promise<void> {
  const { code, stderr } = await run.signal('SIGINT')
  assert.equal(code, 0, stderr)
}

asRoot('root: who captures may do that alone, and who parses not even that where Node lets us', async (t) => {
  const run = await listening(t, ['-c'])
  const { parser, broker, child } = rightsOfRun(run.pid)
  assert.deepEqual(sets(child!), exactly(NET_RAW))
  if (replacesItself) {
    assert.deepEqual(sets(parser!), exactly(0n))
    assert.deepEqual(sets(broker!), exactly(NET_RAW))
  } else {
    assert.equal(broker, undefined)
  }
  await ends(run)
})

asRoot('-U: the parser is nobody, with nothing; the broker keeps what it takes to capture', async (t) => {
  const run = await listening(t, ['-c', '-U', 'nobody'])
  const { parser, broker, child } = rightsOfRun(run.pid)
  assert.equal(parser!.userId, NOBODY)
  const { effective, permitted, inheritable, ambient } = parser!
  assert.deepEqual([effective, permitted, inheritable, ambient], [0n, 0n, 0n, 0n])
  assert.equal(parser!.noNewPrivileges, replacesItself)
  assert.deepEqual(sets(broker!), exactly(NET_RAW))
  assert.deepEqual(sets(child!), exactly(NET_RAW))
  await ends(run)
})

asRoot('root writes files as before: into its own folder, and into that of another user', async (t) => {
  const outer = temporaryFolder(t)
  chmodSync(outer, 0o755)
  const theirs = join(outer, 'theirs')
  mkdirSync(theirs, { mode: 0o755 })
  chownSync(theirs, 1000, 1000)
  for (const [folder, kept] of [
    [outer, 0n],
    [theirs, 1n << 1n], // DAC_OVERRIDE
  ] as const) {
    const run = await listening(t, ['-o', join(folder, 'new', 'flows'), '-w', join(folder, 'saved.pcapng')])
    if (replacesItself) assert.deepEqual(sets(rightsOfRun(run.pid).parser!), exactly(kept))
    await ends(run)
    assert.ok(readdirSync(folder).includes('saved.pcapng'))
    assert.ok(readdirSync(folder).includes('new'))
  }
})

asRoot('what is said at the start is said once', async (t) => {
  const { client } = makeHostPair(t)
  const run = start(t, ['-c'], { wrapper: client.wrapper })
  await run.listening()
  assert.equal(run.stderr.split('no -i and no -r').length, 2)
  await ends(run)
})

asRoot('narrowing: with the right to shrink the bounding set and without, and for who is narrow already', async () => {
  const { spawnSync } = await import('node:child_process')
  const statusBehind = (...wrapper: string[]) => {
    const { stdout, stderr } = spawnSync('env', [...wrapper, 'cat', '/proc/self/status'], { encoding: 'utf8' })
    const rights = parseRights(stdout)
    assert.ok(rights, stderr)
    return rights
  }
  const narrowed = statusBehind(...narrowingWrapper(['net_raw']))
  assert.deepEqual(sets(narrowed), exactly(NET_RAW))
  assert.deepEqual(narrowingWrapper(['net_raw'], narrowed), [])
  const none = statusBehind(...narrowingWrapper([]))
  assert.deepEqual(sets(none), exactly(0n))
  assert.deepEqual(narrowingWrapper(['net_raw'], none), [], 'what is not there is not kept')
  // As Docker's --cap-drop ALL --cap-add NET_RAW --cap-add SYS_ADMIN.
  const few = ['setpriv', '--bounding-set=-all,+net_raw,+sys_admin', '--inh-caps=-all']
  const without = statusBehind(...few)
  for (const [keep, bits] of [
    [['net_raw'], NET_RAW],
    [[], 0n],
  ] as const) {
    const left = statusBehind(...few, ...narrowingWrapper(keep, without))
    assert.deepEqual([left.effective, left.permitted, left.noNewPrivileges], [bits, bits, true])
  }
  assert.ok(rightsOf(process.pid).effective > 0n)
})
