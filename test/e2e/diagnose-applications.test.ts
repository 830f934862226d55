// Names, TLS and applications between real parts in network namespaces: each fault is told by its own id, what is well by none.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { Certificates } from '../protocol/tls/openssl.ts'
import { type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type Running, skipped, start, temporaryFolder, whyNot } from '../support/program.ts'

const SERVER = '10.9.0.2'

async function listen(t: TestContext, { client }: HostPair): Promise<Running> {
  const live = start(t, ['diagnose', '--json', '-i', 'any'], { wrapper: client.wrapper })
  await live.listening()
  return live
}

interface Told {
  id: string
  state: string
  severity: string
  cause: string
  name: string
  server: { address: string; port: number }
}

/** Errors and warnings as they are in the end. */
async function told(live: Running): Promise<Told[]> {
  const { stdout } = await live.signal('SIGINT')
  const rows = stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told)
  return rows.filter(({ state, severity }) => state === 'final' && severity !== 'note')
}

function byPort(rows: readonly Told[]): Record<number, string[]> {
  const ids: Record<number, string[]> = {}
  for (const { id, server } of rows) {
    ids[server.port] ??= []
    ids[server.port]!.push(id)
  }
  return ids
}

/** Comes back when something listens there. */
function untilListening({ server }: HostPair, ...ports: number[]): void {
  for (const port of ports) {
    server.run(
      'sh',
      '-c',
      `for _ in $(seq 100); do ss -Htlun "sport = :${port}" | grep -q . && exit 0; sleep 0.1; done; exit 1`,
    )
  }
}

/** What the client says does not matter: it may fail. */
function attempt({ client }: HostPair, command: string, input = ''): void {
  const [program, ...args] = [...client.wrapper, 'sh', '-c', command]
  spawnSync(program!, args, { input, timeout: 20_000 })
}

describe('TLS', () => {
  test('versions, ciphers, certificates, and sides of which one alone speaks it', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('openssl', 'curl', 'redis-server', 'ss'))) return
    const certificates = new Certificates()
    after(() => certificates.close())
    certificates.make('expired', { name: 'db.test', from: '20200101000000Z', to: '20210101000000Z' })
    certificates.make('other', { name: 'other.test' })
    const pair = makeHostPair(t)
    const of = (name: string) => ['-cert', certificates.path(`${name}.pem`), '-key', certificates.path(`${name}.key`)]
    const servers: readonly (readonly [number, readonly string[]])[] = [
      [7201, of('good')],
      [7202, [...of('good'), '-tls1_3']],
      [7203, [...of('good'), '-tls1_2', '-cipher', 'AES256-SHA']],
      [7204, of('expired')],
      [7205, of('other')],
      [7206, [...of('other'), '-tls1_2']],
      [7207, [...of('good'), '-Verify', '2', '-verify_return_error']],
      [7208, [...of('good'), '-alpn', 'h2']],
      [7209, of('good')],
    ]
    for (const [port, args] of servers) {
      pair.server.spawn('openssl', ['s_server', '-accept', `${port}`, '-www', '-quiet', ...args])
    }
    pair.server.spawn('redis-server', ['--port', '7210', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', ''])
    untilListening(pair, ...servers.map(([port]) => port), 7210)
    const live = await listen(t, pair)
    const curl = (port: number, ...flags: string[]) =>
      attempt(
        pair,
        `curl -s -m 3 -o /dev/null --cacert ${certificates.path('ca.pem')} --resolve db.test:${port}:${SERVER} ${flags.join(' ')} https://db.test:${port}/`,
      )
    curl(7201)
    curl(7202, '--tls-max', '1.2')
    curl(7203, '--ciphers', 'AES128-SHA', '--tls-max', '1.2')
    curl(7204)
    curl(7205)
    curl(7206)
    curl(7207)
    attempt(pair, `openssl s_client -connect ${SERVER}:7208 -alpn http/1.1`)
    curl(7209)
    attempt(pair, `curl -s -m 3 http://${SERVER}:7209/`)
    attempt(pair, `redis-cli -h ${SERVER} -p 7210 ping`)
    curl(7210)
    assert.deepEqual(byPort(await told(live)), {
      7202: ['tls-version'],
      7203: ['tls-cipher'],
      7204: ['tls-certificate'],
      7205: ['tls-certificate'],
      7206: ['tls-certificate'],
      7207: ['tls-client-certificate'],
      7208: ['tls-alpn'],
      7209: ['plaintext-to-tls'],
      7210: ['tls-to-plaintext'],
    })
  })
})

describe('applications', () => {
  test('a proxy before a dead server, Redis with a password, HTTP to Redis', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('nginx', 'curl', 'redis-server', 'redis-cli', 'ss'))) return
    const pair = makeHostPair(t)
    const folder = temporaryFolder(t)
    const configuration = join(folder, 'nginx.conf')
    // the proxy is on the client's host, so that the capture sees both its sides
    writeFileSync(
      configuration,
      `daemon off; pid ${folder}/pid; error_log /dev/null; events {}
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 7301; location / { proxy_pass http://${SERVER}:7399; } location /ok { return 200 ok; } location /none { return 404; } } }
`,
    )
    pair.client.spawn('nginx', ['-c', configuration])
    const redis = ['--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '']
    pair.server.spawn('redis-server', ['--port', '7302', '--requirepass', 'secret', ...redis])
    pair.server.spawn('redis-server', ['--port', '7303', ...redis])
    untilListening(pair, 7302, 7303)
    attempt(pair, 'for _ in $(seq 100); do curl -s http://10.9.0.1:7301/ok && exit 0; sleep 0.1; done')
    const live = await listen(t, pair)
    for (const path of ['/', '/ok', '/none']) attempt(pair, `curl -s -m 3 http://10.9.0.1:7301${path}`)
    attempt(pair, `redis-cli -h ${SERVER} -p 7302 get k`)
    attempt(pair, `redis-cli -h ${SERVER} -p 7303 set k v`)
    attempt(pair, `redis-cli -h ${SERVER} -p 7303 lpush k v`)
    attempt(pair, `redis-cli -h ${SERVER} -p 7303 blpop none 1`)
    attempt(pair, `curl -s -m 3 http://${SERVER}:7303/`)
    const rows = await told(live)
    assert.deepEqual(byPort(rows), {
      7301: ['http-error'],
      7302: ['auth-failed'],
      7303: ['protocol-mismatch', 'protocol-error'],
      7399: ['refused'],
    })
    assert.match(rows.find(({ id }) => id === 'http-error')!.cause, /had trouble with 10\.9\.0\.2:7399 \(refused\)/)
  })
})

describe('names', () => {
  test('unknown, refused, no name server there; and known', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('dnsmasq', 'busybox', 'ss'))) return
    const pair = makeHostPair(t)
    const own = [
      '-k',
      '-C',
      '/dev/null',
      '--no-hosts',
      '--no-resolv',
      '--bind-interfaces',
      '--pid-file=',
      '--user=root',
    ]
    for (const address of ['10.9.0.3', '10.9.0.4']) pair.server.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    pair.server.spawn('dnsmasq', [...own, `--listen-address=${SERVER}`, '--local=/#/', '--address=/db.test/10.9.0.2'])
    pair.server.spawn('dnsmasq', [...own, '--listen-address=10.9.0.3'])
    untilListening(pair, 53)
    pair.server.run(
      'sh',
      '-c',
      'for _ in $(seq 100); do [ $(ss -Hlun "sport = :53" | wc -l) -ge 2 ] && exit 0; sleep 0.1; done; exit 1',
    )
    const live = await listen(t, pair)
    attempt(pair, `busybox nslookup db.test ${SERVER}`)
    attempt(pair, `busybox nslookup nodb.test ${SERVER}`)
    attempt(pair, 'busybox nslookup third.test 10.9.0.3')
    attempt(pair, 'busybox nslookup fourth.test 10.9.0.4')
    const rows = await told(live)
    assert.deepEqual(rows.map(({ id, server, severity }) => `${server.address} ${id} ${severity}`).sort(), [
      '10.9.0.2 dns-name-unknown error',
      '10.9.0.3 dns-failed error',
      '10.9.0.4 dns-no-answer error',
    ])
    assert.equal(rows.find(({ id }) => id === 'dns-name-unknown')!.name, 'nodb.test')
  })
})
