// Podman's Docker-compatible socket: a container by name, on its bridge, across a restart.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { podmanEngine } from '../support/engine-ways.ts'
import { start, tcpflow } from '../support/program.ts'
import { importTinyImage, whyNoTinyImage } from '../support/tiny-image.ts'

const why = existsSync('/usr/bin/podman') ? whyNoTinyImage() : 'there is no podman here'
if (why !== undefined) console.error(`Podman is not tested: ${why}`)

test('a container of Podman: its veth, with names, also after a restart', { skip: why ?? false }, async (t) => {
  const { socket, command } = await podmanEngine(t)
  const podman = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command[0]!, [...command.slice(1), ...args], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return stdout.trim()
  }
  importTinyImage(command, 'localhost/tiny')
  const web = ['run', '-d', '--name', 'web', 'localhost/tiny', '/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/bin']
  podman(...web)
  // the engine's bridges are in a namespace of its own; `ip netns exec` shows it in /sys too
  const wrapper = ['ip', 'netns', 'exec', command[1]!.slice('--net=/run/netns/'.length)]
  const flags = ['--docker-host', `unix://${socket}`]
  const run = start(t, ['-c', ...flags, '--container', 'web', 'port 80'], { wrapper })
  await run.until(({ stderr }) => /web: veth\w+ on \w+\n/.test(stderr), 'it captured')
  const ask = (path: string): void => {
    const address = podman('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web')
    const [first, ...rest] = [...wrapper, 'curl', '-s', '--retry', '20', '--retry-connrefused', '--retry-delay', '1']
    const asked = spawnSync(first!, [...rest, `http://${address}/${path}`], { encoding: 'utf8', timeout: 30_000 })
    assert.equal(asked.status, 0, asked.stderr)
  }
  ask('before')
  await run.until(({ stdout }) => stdout.includes('GET /before'), 'it showed the request')
  assert.match(run.stdout.toString(), /\d{5}-web\.00080: GET \/before/)
  podman('restart', '-t', '0', 'web')
  // Podman tells of its events when it has looked into its log: a moment late
  const followed = /web (was restarted|has stopped)[\s\S]*web: veth\w+ on/
  await run.until(({ stderr }) => followed.test(stderr), 'it followed')
  ask('after')
  await run.until(({ stdout }) => stdout.includes('GET /after'), 'it showed the request after the restart')
  const { code, stderr } = await run.signal('SIGINT')
  assert.equal(code, 0, stderr)
  const table = await tcpflow(t, ['containers', ...flags], { wrapper })
  assert.match(table.stdout.toString(), /^web +localhost\/tiny\S* +podman +10\.\S+ .* veth +veth\w+ on /m)
})
