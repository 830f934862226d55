// Engines that are not the machine's own: a second one here, one that is as good as on another machine, a rootless one.
// `tcpflow containers` says where each of their containers is captured, and there it is captured.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { whyNoDocker } from '../support/docker.ts'
import { freePort, sshServer, tcpFront } from '../support/engine-ways.ts'
import { buildImage, IMAGE, removeImage } from '../support/image.ts'
import { PROGRAM, type Running, type RunOptions, skipped, start, tcpflow } from '../support/program.ts'
import {
  copyImage,
  engineElsewhere,
  rootlessEngine,
  type SecondEngine,
  secondEngine,
  whyNoRootlessEngine,
} from '../support/second-engines.ts'
import { importTinyImage, whyNoTinyImage } from '../support/tiny-image.ts'

const why = whyNoDocker() ?? whyNoTinyImage()
const TINY = 'tcpflow-tiny'

before(() => {
  if (why === undefined) buildImage()
})
after(() => {
  if (why === undefined) removeImage()
})

/** A web server of busybox. */
function startWeb({ docker }: SecondEngine, name: string, port: number, ...flags: string[]): void {
  const server = ['/bin/busybox', 'httpd', '-f', '-p', `${port}`, '-h', '/etc']
  docker('run', '-d', '--name', name, '--stop-signal', 'KILL', ...flags, TINY, ...server)
}

/** Asks a server from inside its own container, by loopback; there is no such page. */
function askInside({ command }: SecondEngine, name: string, port: number, path: string): void {
  const wget = ['/bin/busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:${port}/${path}`]
  const { stderr } = spawnSync(command[0]!, [...command.slice(1), 'exec', name, ...wget], { encoding: 'utf8' })
  assert.match(stderr, /404/)
}

/** What `tcpflow containers` says of each: `way: where`. */
async function listed(t: TestContext, host: string, options: RunOptions = {}): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await tcpflow(t, ['containers', '--json', '--docker-host', host], options)
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  const rows = stdout.toString().trim().split('\n')
  const containers = rows.map((line) => JSON.parse(line) as { name: string; way: string; where: string })
  return Object.fromEntries(containers.map(({ name, way, where }) => [name, `${way}: ${where}`]))
}

async function shown(run: Running, text: string): Promise<void> {
  await run.until(({ stdout }) => stdout.includes(text), `it showed ${text}`)
}

async function stop(run: Running): Promise<void> {
  const { code, stderr } = await run.signal('SIGINT')
  assert.equal(code, 0, stderr)
}

/** The engine takes a moment to remove what has ended. */
async function assertNoSidecarLeft({ docker }: SecondEngine): Promise<void> {
  const sidecars = (): string => docker('ps', '-a', '-q', '-f', 'label=tcpflow.sidecar')
  for (let tries = 0; tries < 100 && sidecars() !== ''; tries++) await sleep(100)
  assert.equal(sidecars(), '')
}

test('a second engine here, with a bridge of its own: captured by its veths, also when reached by TCP', async (t) => {
  if (skipped(t, why)) return
  const port = await freePort()
  const engine = await secondEngine(t, port)
  importTinyImage(engine.command, TINY)
  startWeb(engine, 'web', 80)
  for (const host of [`unix://${engine.socket}`, `tcp://127.0.0.1:${port}`]) {
    const { web } = await listed(t, host)
    assert.match(web!, new RegExp(`^veth: veth\\w+ on ${engine.bridge}$`))
    const run = start(t, ['-c', '--docker-host', host, '--container', 'web', 'port 80'])
    await run.until(({ stderr }) => new RegExp(`web: veth\\w+ on ${engine.bridge}`).test(stderr), 'it captured')
    const address = engine.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web')
    spawnSync('curl', ['-s', '-m', '5', `http://${address}/from-the-host`])
    await shown(run, 'GET /from-the-host')
    assert.match(run.stdout.toString(), /host\.\d{5}-web\.00080: GET \/from-the-host/)
    await stop(run)
  }
})

test('an engine elsewhere', async (t) => {
  if (skipped(t, why ?? (existsSync('/usr/sbin/sshd') ? undefined : 'there is no /usr/sbin/sshd'))) return
  const engine = await engineElsewhere(t, 'elsewhere')
  assert.equal(engine.docker('info', '-f', '{{.Name}}'), 'elsewhere')
  importTinyImage(engine.command, TINY)
  startWeb(engine, 'web', 80)
  const front = await tcpFront(t, engine.socket)
  const tcp = `tcp://127.0.0.1:${front.port}`
  const ssh = await sshServer(t)

  await t.test('has no image for the sidecar: how one comes there', async (t) => {
    const { code, stderr } = await tcpflow(t, ['-c', '--docker-host', tcp, '--container', 'web'])
    assert.equal(code, 1)
    const copied = `docker save tcpflow \\| docker -H ${tcp} load`
    assert.match(stderr, new RegExp(`^tcpflow: the engine has no image tcpflow for the sidecar\n {2}.*${copied}`, 'm'))
  })

  copyImage(IMAGE, engine)
  startWeb(engine, 'alone', 81, '--network', 'none')
  startWeb(engine, 'on-host', 82, '--network', 'host', '--expose', '82')
  const ways: [string, string, RunOptions][] = [
    ['TCP', tcp, {}],
    [
      'ssh',
      `ssh://${ssh.user}@127.0.0.1:${ssh.port}${engine.socket}`,
      { env: { PATH: `${dirname(ssh.ssh)}:${process.env.PATH}` } },
    ],
  ]
  for (const [way, host, options] of ways) {
    await t.test(`by ${way}: captured by sidecars, also after a restart`, async (t) => {
      const sidecar = 'sidecar: any, from a sidecar container in its network'
      assert.deepEqual(await listed(t, host, options), { web: sidecar, alone: sidecar, 'on-host': sidecar })
      const named = ['web', 'alone', 'on-host'].flatMap((name) => ['--container', name])
      const run = start(t, ['-c', '--docker-host', host, ...named, '--sidecar-image', IMAGE], options)
      await run.until(({ stderr }) => (stderr.match(/from a sidecar container/g) ?? []).length >= 3, 'it captured')
      for (const [name, port] of [
        ['web', 80],
        ['alone', 81],
        ['on-host', 82],
      ] as const) {
        askInside(engine, name, port, `asked-${name}`)
        await shown(run, `GET /asked-${name}`)
      }
      assert.match(run.stdout.toString(), /web\.\d{5}-web\.00080: GET \/asked-web/)
      assert.match(run.stdout.toString(), /alone\.\d{5}-alone\.00081: GET \/asked-alone/)
      engine.docker('restart', '-t', '0', 'web')
      await run.until(({ stderr }) => /web: any, from a sidecar.* seen from/.test(stderr), 'it followed')
      askInside(engine, 'web', 80, 'again')
      await shown(run, 'GET /again')
      assert.match(run.stderr, /web (has stopped|was restarted)/)
      await stop(run)
      await assertNoSidecarLeft(engine)
    })
  }

  await t.test('a network by its name: no bridge here is that network’s', async (t) => {
    const run = start(t, ['-c', '--docker-host', tcp, '--network', 'bridge', '--sidecar-image', IMAGE])
    await run.until(({ stderr }) => stderr.includes('web: any, from a sidecar container'), 'it captured')
    assert.ok(!run.stderr.includes('docker0:'), run.stderr)
    await stop(run)
    await assertNoSidecarLeft(engine)
  })

  await t.test('the line breaks: captured again when it is back', async (t) => {
    const run = start(t, ['-c', '--docker-host', tcp, '--container', 'web', '--sidecar-image', IMAGE])
    await run.until(({ stderr }) => stderr.includes('web: any, from a sidecar'), 'it captured')
    front.cut()
    await run.until(({ stderr }) => /web: any, from a sidecar.* seen from/.test(stderr), 'it captured again')
    askInside(engine, 'web', 80, 'after-the-break')
    await shown(run, 'GET /after-the-break')
    const { code, stderr } = await run.signal('SIGINT')
    // something was missed, and said to be
    assert.equal(code, 1, stderr)
    assert.match(stderr, /web: .*(ended the connection|broke off)/)
    await assertNoSidecarLeft(engine)
  })
})

test('a rootless engine: root enters its namespaces, and its own user captures by sidecars', async (t) => {
  if (skipped(t, why ?? whyNoRootlessEngine())) return
  const engine = await rootlessEngine(t)
  assert.match(engine.docker('info', '-f', '{{.SecurityOptions}}'), /rootless/)
  importTinyImage(engine.command, TINY)
  copyImage(IMAGE, engine)
  startWeb(engine, 'web', 80)
  startWeb(engine, 'on-host', 82, '--network', 'host')
  const host = `unix://${engine.socket}`
  // The same program where that user can read it.
  const program = join(engine.home, 'dist/tcpflow.js')
  cpSync(dirname(PROGRAM), dirname(program), { recursive: true })
  const own: RunOptions = { wrapper: engine.wrapper, program }
  for (const [options, way, where] of [
    [{}, 'netns', 'any in its network namespace'],
    [own, 'sidecar', 'any, from a sidecar container in its network'],
  ] as const) {
    const { web, 'on-host': onHost, ...others } = await listed(t, host, options)
    assert.equal(web, `${way}: ${where}`)
    assert.ok(onHost?.startsWith(`${way}: any`), onHost)
    assert.deepEqual(others, {})
    const named = ['--container', 'web', '--container', 'on-host']
    const run = start(t, ['-c', '--docker-host', host, ...named, '--sidecar-image', IMAGE], options)
    const captured = /(web|on-host): any,? (in|from)/g
    await run.until(({ stderr }) => (stderr.match(captured) ?? []).length === 2, 'it captured')
    askInside(engine, 'web', 80, `by-${way}`)
    await shown(run, `GET /by-${way}`)
    assert.match(run.stdout.toString(), new RegExp(`web\\.\\d{5}-web\\.00080: GET /by-${way}`))
    askInside(engine, 'on-host', 82, `on-host-by-${way}`)
    await shown(run, `GET /on-host-by-${way}`)
    await stop(run)
    await assertNoSidecarLeft(engine)
  }
})
