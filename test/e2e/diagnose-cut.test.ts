// How connections end, between real parts in network namespaces: each fault is told by its own id, and what ends well by none.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type Running, skipped, start, temporaryFolder, whyNot } from '../support/program.ts'
import { serveScript } from '../support/scripted-server.ts'

const SERVER = '10.9.0.2'

/** Listens on a port; `how` is what it does with each connection. */
const SERVE = `
import os, signal, socket, sys, time
port, how = int(sys.argv[1]), sys.argv[2]
ANSWER = b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'
l = socket.create_server(('', port))
print('listening', flush=True)
kept = []
while True:
    c, _ = l.accept()
    kept.append(c)
    if how == 'die-unread':
        time.sleep(0.73)
        os.kill(os.getpid(), signal.SIGKILL)
    if how == 'silent':
        continue
    while True:
        d = c.recv(1000)
        if not d:
            break
        if how == 'half-answer':
            c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\nabc')
            time.sleep(0.33)
            break
        c.sendall(ANSWER)
        if how == 'close-idle':
            time.sleep(0.37)
            break
    c.close()
`

/** Asks once; then, as told, waits for the end, asks again when it has come, or a while after. */
const ASK = `
import select, socket, sys, time
port, how = int(sys.argv[1]), sys.argv[2]
GET = b'GET /%b HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'
s = socket.create_connection(('${SERVER}', port))
s.settimeout(6)
try:
    if how == 'plain':
        s.sendall(b'hello')
    else:
        s.sendall(GET % b'a')
    s.recv(1000)
    if how in ('race', 'late'):
        select.select([s], [], [])
        time.sleep(1.4 if how == 'late' else 0)
        s.sendall(GET % b'b')
    if how == 'long':
        s.sendall(GET % (b'x' * 200))
    if how != 'once':
        s.recv(1000)
except OSError:
    pass
s.close()
`

function ask({ client }: HostPair, port: number, how: string): void {
  client.run('python3', '-c', ASK, `${port}`, how)
}

async function listen(t: TestContext, { client }: HostPair): Promise<Running> {
  const live = start(t, ['diagnose', '--json', '--slow', '20s', '-i', 'eth0'], { wrapper: client.wrapper })
  await live.listening()
  return live
}

interface Told {
  id: string
  severity: string
  certainty: string
  cause: string
  count: number
  server: { port: number }
}

/** Errors and warnings, by the server's port. */
async function toldBy(live: Running): Promise<Record<number, Told[]>> {
  const { stdout } = await live.signal('SIGINT')
  const told: Record<number, Told[]> = {}
  for (const line of stdout.toString().split('\n')) {
    if (line === '') continue
    const row = JSON.parse(line) as Told & { state: string }
    if (row.state !== 'final' || row.severity === 'note') continue
    told[row.server.port] ??= []
    told[row.server.port]!.push(row)
  }
  return told
}

function idsOf(told: Record<number, Told[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(told).map(([port, rows]) => [port, rows.map(({ id, severity }) => `${id} ${severity}`)]),
  )
}

describe('how a connection ends', () => {
  test('by a program that dies, half an answer, a close at the wrong moment, and by what lies between', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3', 'iptables'))) return
    const pair = makeHostPair(t)
    const rule = ['INPUT', '-p', 'tcp', '--dport', '7105', '-m', 'length', '--length', '200:400']
    pair.server.run('iptables', '-A', ...rule, '-j', 'REJECT', '--reject-with', 'tcp-reset')
    await Promise.all([
      serveScript(pair.server, SERVE, 7101, 'die-unread'),
      serveScript(pair.server, SERVE, 7102, 'half-answer'),
      serveScript(pair.server, SERVE, 7103, 'close-idle'),
      serveScript(pair.server, SERVE, 7104, 'close-idle'),
      serveScript(pair.server, SERVE, 7105, 'answer'),
      serveScript(pair.server, SERVE, 7106, 'close-idle'),
      serveScript(pair.server, SERVE, 7107, 'answer'),
    ])
    const live = await listen(t, pair)
    ask(pair, 7101, 'wait')
    ask(pair, 7102, 'wait')
    ask(pair, 7103, 'race')
    ask(pair, 7104, 'late')
    ask(pair, 7105, 'long')
    // healthy: the server closes what is idle, the client closes when it has its answer
    ask(pair, 7106, 'wait')
    ask(pair, 7107, 'once')
    // the last reset is believed after two seconds of silence
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.deepEqual(idsOf(await toldBy(live)), {
      7101: ['reset error'],
      7102: ['aborted-transfer error'],
      7103: ['keepalive-race error'],
      7104: ['idle-cut warning'],
      7105: ['reset-by-middlebox warning'],
    })
  })

  test('by a limit for idleness in a proxy: certain when it happens again', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3', 'haproxy'))) return
    const pair = makeHostPair(t)
    const configuration = join(temporaryFolder(t), 'haproxy.cfg')
    writeFileSync(
      configuration,
      `defaults
  mode tcp
  timeout connect 2s
  timeout client 2s
  timeout server 2s
listen l
  bind :7110
  server s 127.0.0.1:7111
`,
    )
    await serveScript(pair.server, SERVE, 7111, 'silent')
    pair.server.spawn('haproxy', ['-db', '-f', configuration], { stdio: 'ignore' })
    pair.client.run(
      'sh',
      '-c',
      `for _ in $(seq 50); do python3 -c "import socket; socket.create_connection(('${SERVER}', 7110))" 2>/dev/null && exit 0; sleep 0.1; done; exit 1`,
    )
    const live = await listen(t, pair)
    for (let n = 0; n < 3; n++) ask(pair, 7110, 'plain')
    const told = (await toldBy(live))[7110] ?? []
    assert.deepEqual(
      told.map(({ id, severity, certainty }) => `${id} ${severity} ${certainty}`),
      ['idle-cut error certain'],
    )
    assert.match(told[0]!.cause, /^10\.9\.0\.2 cut the connection after 2\.0 s of idleness while/)
  })
})
