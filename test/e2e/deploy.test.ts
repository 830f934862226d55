// deploy/ at work: Compose starts it, tcpflow sees real containers from within its bounds, a real Prometheus scrapes it, and
// every query of the dashboard and of the alert rules is answered. Counters outlive the containers that they are of.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ComposeStack, DEPLOY, whyNoStack } from '../support/compose-stack.ts'
import {
  addressOf,
  afterwards,
  ask,
  askUntilAnswered,
  BASE_IMAGE,
  docker,
  startServer,
  uniqueName,
  whyNoDocker,
} from '../support/docker.ts'
import { buildImage, removeImage } from '../support/image.ts'
import { run, start } from '../support/program.ts'

const noDocker = whyNoDocker()
const noStack = noDocker ?? whyNoStack()
if (noStack !== undefined) console.error(`the Compose stack is not tested: ${noStack}`)

before(() => {
  if (noStack === undefined) buildImage()
})
after(() => {
  if (noStack === undefined) removeImage()
})

interface Dashboard {
  readonly uid: string
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly type: string
    readonly datasource: { readonly type: string; readonly uid: string }
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets: readonly { readonly expr: string; readonly refId: string }[]
  }[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] }
}

const dashboard = JSON.parse(readFileSync(join(DEPLOY, 'grafana/dashboards/tcpflow.json'), 'utf8')) as Dashboard

/** As Prometheus answers `/api/v1/query`. */
interface Answer {
  readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: [number, string] }[]
}

/** What Grafana makes of a query: variables as regular expressions, and the interval four times that of the scrapes. */
function expression(query: string, values: Readonly<Record<string, string>>): string {
  return query.replace(/\$(__rate_interval|server|protocol|container)\b/g, (_all, name: string) =>
    name === '__rate_interval' ? '10s' : (values[name] ?? '.*'),
  )
}

/** A web server that fails, is late, and does not answer, by path. */
const WEB = `require('http').createServer((q, r) => {
  if (q.url === '/never') return
  if (q.url === '/slow') return setTimeout(() => r.end('late'), 300)
  r.statusCode = q.url === '/fails' ? 500 : 200
  r.end('answer to ' + q.url)
}).listen(80)`

test('promtool: configuration and rules are well-formed, and each alert fires when it should', {
  skip: noStack ?? false,
}, () => {
  run('promtool', ['check', 'config', join(DEPLOY, 'prometheus/prometheus.yml')])
  run('promtool', ['check', 'rules', join(DEPLOY, 'prometheus/alerts.yml')])
  run('promtool', ['test', 'rules', join(import.meta.dirname, 'alerts.yml')])
})

test('the dashboard: panels of their own places, queries of their own names, the provisioned source', () => {
  const { panels } = dashboard
  assert.match(dashboard.uid, /^[\w-]{1,40}$/)
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const source = readFileSync(join(DEPLOY, 'grafana/provisioning/datasources/prometheus.yml'), 'utf8')
  for (const { title, datasource, targets, gridPos } of panels) {
    assert.ok(source.includes(`uid: ${datasource.uid}\n`) && source.includes(`type: ${datasource.type}\n`), title)
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24 && gridPos.h > 0, title)
  }
  const overlap = panels.find(({ gridPos: a }, i) =>
    panels
      .slice(i + 1)
      .some(({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h),
  )
  assert.equal(overlap?.title, undefined)
})

test('Compose, containers, Prometheus: every panel has data, every rule is evaluated', {
  skip: noStack ?? false,
  timeout: 180_000,
}, async (t) => {
  const prefix = uniqueName('shop')
  const [web, redis] = [`${prefix}-web`, `${prefix}-redis`]
  for (const name of [web, redis]) afterwards(t, () => spawnSync('docker', ['rm', '-f', name]))
  docker('run', '-d', '--stop-signal', 'KILL', '--name', web, BASE_IMAGE, 'node', '-e', WEB)
  // the host's own Redis with the host's libraries
  const redisFlags = ['--save', '', '--protected-mode', 'no']
  docker('run', '-d', '--name', redis, '-v', '/usr:/usr:ro', BASE_IMAGE, '/usr/bin/redis-server', ...redisFlags)
  const stack = new ComposeStack(t, prefix, { what: `--container ${prefix}-* --wait` })

  const traffic = new Traffic(web, redis)
  t.after(() => traffic.stop())
  for (const values of [
    {},
    { server: `(${web}:80|${redis}:6379)`, protocol: '(http|redis)', container: `(${web}|${redis})` },
  ]) {
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) await untilAnswered(stack, traffic, title, expression(expr, values))
    }
  }
  await traffic.stop()
  for (const { name, definition } of dashboard.templating.list) {
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition)!
    const values = await stack.ask<string[]>(`/api/v1/label/${label}/values`, { 'match[]': metric! })
    const expected = { server: `${web}:80`, protocol: 'http', container: web }[name]
    assert.ok(values.includes(expected!), `${name}: ${values}`)
  }
  await assertRules(stack)
  assertWithinBounds(stack)
})

/** Requests of all sorts, until it is stopped. */
class Traffic {
  #stopped = false
  readonly #done: Promise<void>

  constructor(web: string, redis: string) {
    this.#done = this.#drive(web, redis)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #drive(web: string, redis: string): Promise<void> {
    const [webAddress, redisAddress] = [addressOf(web), addressOf(redis)]
    while (!this.#stopped) {
      for (const path of ['/a', '/b', '/fails', '/slow']) await ask(webAddress, path)
      // refused: nothing is to be said of it
      await ask(webAddress, '/', 81)
      await ask(webAddress, '/never').catch(() => undefined)
      spawnSync('redis-benchmark', ['-h', redisAddress, '-n', '200', '-c', '4', '-P', '4', '-q', '-t', 'get,set'])
      await talk(redisAddress)
    }
  }
}

/** A command that is an error. */
function talk(address: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(6379, address, () => socket.write('NONSENSE\r\n'))
    socket.on('data', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

/** Prometheus has an answer to it that is a number, sooner or later. */
async function untilAnswered(stack: ComposeStack, traffic: Traffic, title: string, query: string): Promise<void> {
  let answer: Answer = { result: [] }
  for (let tries = 0; tries < 150; tries++) {
    answer = await stack.ask<Answer>('/api/v1/query', { query })
    const values = answer.result.map(({ value: [, number] }) => Number(number))
    if (values.length > 0 && values.some((each) => Number.isFinite(each) && each >= 0)) return
    await sleep(200)
  }
  await traffic.stop()
  assert.fail(`${title}: ${query} has no data: ${JSON.stringify(answer)}; ${stack.logs('tcpflow')}`)
}

async function assertRules(stack: ComposeStack): Promise<void> {
  const written = readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8').match(/- alert:/g)!.length
  const { groups } = await stack.ask<{ groups: { rules: { name: string; health: string; lastError?: string }[] }[] }>(
    '/api/v1/rules',
  )
  const rules = groups.flatMap((group) => group.rules)
  assert.equal(rules.length, written)
  for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`)
  const targets = await stack.ask<{ activeTargets: { health: string; lastError: string }[] }>('/api/v1/targets')
  assert.deepEqual(
    targets.activeTargets.map(({ health, lastError }) => `${health}${lastError}`),
    ['up'],
  )
}

/** One capability, nothing to write to, little memory, no word in the log: and it has done its work. */
function assertWithinBounds(stack: ComposeStack): void {
  const format = '{{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Memory}}'
  assert.equal(stack.inspect('tcpflow', format), `[NET_RAW] [ALL] true ${512 * 1024 * 1024}`)
  assert.equal(stack.inspect('tcpflow', '{{.State.Running}} {{.RestartCount}} {{.State.OOMKilled}}'), 'true 0 false')
  assert.equal(stack.logs('tcpflow'), '')
  for (const service of ['prometheus', 'grafana']) {
    assert.equal(stack.inspect(service, '{{.State.Running}} {{.RestartCount}}'), 'true 0', stack.logs(service))
  }
}

test('counters go on where they were when their container is restarted, and count nothing twice', {
  skip: noDocker ?? false,
}, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  await askUntilAnswered(addressOf(web), '/before')
  const watched = start(t, ['latency', '--container', web, '--table', '--metrics', '0'])
  await watched.until(({ stderr }) => /: (veth|any)/.test(stderr) && /metrics on /.test(stderr), 'it captured')
  const [, url] = /metrics on (\S+)/.exec(watched.stderr)!
  const series = async (): Promise<string[]> => {
    const text = await (await fetch(url!)).text()
    return [...text.matchAll(/^tcpflow_requests_total\{(.* \d+)$/gm)].map(([, each]) => each!)
  }
  async function untilCounted(requests: number): Promise<void> {
    const wanted = [`server="${web}:80",protocol="http",container="${web}"} ${requests}`]
    for (let tries = 0; tries < 100 && (await series()).join() !== wanted.join(); tries++) await sleep(50)
    assert.deepEqual(await series(), wanted)
  }
  for (let i = 0; i < 5; i++) await askUntilAnswered(addressOf(web), `/first${i}`)
  await untilCounted(5)
  for (let restarts = 1; restarts <= 2; restarts++) {
    docker('restart', '-t', '0', web)
    for (let i = 0; i < 7; i++) await askUntilAnswered(addressOf(web), `/again${i}`)
    await untilCounted(5 + 7 * restarts)
  }
})
