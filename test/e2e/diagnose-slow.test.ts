// What makes answers late, between real parts in network namespaces: each fault is told by its own id, and what is healthy by
// none.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Host, type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { type Running, skipped, start, whyNot } from '../support/program.ts'
import { serveScript } from '../support/scripted-server.ts'

const SERVER = '10.9.0.2'

/** Listens on a port, with a backlog of one where it never accepts; `how` is what it does with each connection. */
const SERVE = `
import socket, sys, threading, time
port, how = int(sys.argv[1]), sys.argv[2]
def answer(size):
    return b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % size + b'x' * size
def serve(c):
    if how == 'pour':
        try:
            while True:
                c.sendall(b'x' * 65536)
        except OSError:
            return
    got = b''
    while True:
        d = c.recv(65536)
        if not d:
            break
        got += d
        if how == 'silent':
            continue
        if how == 'body' and not got.endswith(b'hello'):
            continue
        got = b''
        if how == 'late':
            time.sleep(0.6)
        c.sendall(answer(1000000 if how == 'huge' else 300000 if how == 'large' else 5000 if how == 'medium' else 2))
    c.close()
l = socket.create_server(('', port), backlog=1 if how == 'no-accept' else 64)
print('listening', flush=True)
if how == 'no-accept':
    time.sleep(1000)
while True:
    c, _ = l.accept()
    threading.Thread(target=serve, args=(c,), daemon=True).start()
`

/** Connects to a port, and asks as told. */
const ASK = `
import socket, sys, time
port, how, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
GET = b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'
def read(s):
    head = b''
    while b'\\r\\n\\r\\n' not in head:
        d = s.recv(65536)
        if not d:
            return
        head += d
    at = head.index(b'\\r\\n\\r\\n') + 4
    left = int(head[:at].split(b'Length: ')[1].split(b'\\r')[0]) - (len(head) - at)
    while left > 0:
        d = s.recv(65536)
        if not d:
            return
        left -= len(d)
s = socket.socket()
s.settimeout(seconds)
try:
    s.connect(('${SERVER}', port))
    if how == 'sleep':
        time.sleep(seconds)
    for i in range(5 if how in ('two-writes', 'often') else 0 if how == 'sleep' else 1):
        if how == 'two-writes':
            s.sendall(b'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\n')
            s.sendall(b'hello')
        else:
            s.sendall(GET)
        read(s)
except OSError:
    pass
s.close()
`

/** Resolves when the client is done, which may be by its own patience. */
function ask({ client }: HostPair, port: number, how: string, seconds: number): Promise<void> {
  const child = client.spawn('python3', ['-c', ASK, `${port}`, how, `${seconds}`])
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

async function listenAt(t: TestContext, host: Host): Promise<Running> {
  const flags = ['diagnose', '--json', '--slow', '300ms', '--hung-after', '2s', '-i', 'eth0', 'tcp']
  const live = start(t, flags, { wrapper: host.wrapper })
  await live.listening()
  return live
}

/** `server-slow 7001` of what is final and no note, once each. */
function found(stdout: Buffer): string[] {
  const rows = stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(
      (line) => JSON.parse(line) as { id: string; state: string; severity: string; server: { port?: number } | null },
    )
  const final = rows.filter(({ state, severity }) => state === 'final' && severity !== 'note')
  return [...new Set(final.map(({ id, server }) => `${id} ${server?.port}`))].sort()
}

/** What comes from that port and is longer is dropped behind the capture point, without a word. */
function dropLarge({ client }: HostPair, port: number): void {
  client.run('iptables', ...`-A INPUT -p tcp --sport ${port} -m length --length 1300: -j DROP`.split(' '))
}

/** Every seventh packet from that port is lost behind the capture point. */
function dropSome({ client }: HostPair, port: number): void {
  const some = '-m statistic --mode nth --every 7 --packet 3'
  client.run('iptables', ...`-A INPUT -p tcp --sport ${port} ${some} -j DROP`.split(' '))
}

describe('what makes answers late', () => {
  test('each by its own id, side by side, and healthy traffic by none', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3', 'iptables'))) return
    const pair = makeHostPair(t)
    const faults: readonly (readonly [number, string, string, string, number])[] = [
      [7000, 'healthy', 'often', '', 5],
      [7001, 'late', 'once', 'server-slow', 5],
      [7002, 'silent', 'once', 'hung-peer', 4],
      [7003, 'medium', 'once', 'mtu-black-hole', 4],
      [7004, 'large', 'once', 'loss', 8],
      [7005, 'body', 'two-writes', 'nagle-delay', 5],
      [7006, 'pour', 'sleep', 'receiver-stalled', 1.5],
    ]
    for (const [port, how] of faults) await serveScript(pair.server, SERVE, port, how)
    await serveScript(pair.server, SERVE, 7007, 'no-accept')
    dropLarge(pair, 7003)
    dropSome(pair, 7004)
    const live = await listenAt(t, pair.client)
    const clients = faults.map(([port, , how, , seconds]) => ask(pair, port, how, seconds))
    for (let i = 0; i < 5; i++) clients.push(ask(pair, 7007, 'once', 4))
    await Promise.all(clients)
    const { stdout } = await live.signal('SIGINT')
    const expected = faults.filter(([, , , id]) => id !== '').map(([port, , , id]) => `${id} ${port}`)
    // two of those that wait to be accepted have asked, and had no answer
    const all = [...expected, 'backlog-full 7007', 'hung-peer 7007'].sort()
    assert.deepEqual(found(stdout), all, stdout.toString())
  })

  test('a link whose queue is full: the network is slow, and not the server', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3', 'tc'))) return
    const pair = makeHostPair(t)
    const { client, server } = pair
    await serveScript(pair.server, SERVE, 7000, 'healthy')
    await serveScript(pair.server, SERVE, 7001, 'huge')
    const live = await listenAt(t, client)
    await ask(pair, 7000, 'often', 5)
    server.run('tc', ...'qdisc add dev eth0 root tbf rate 2mbit burst 5k limit 110k'.split(' '))
    const download = ask(pair, 7001, 'once', 20)
    for (let i = 0; i < 4; i++) await ask(pair, 7000, 'once', 8)
    await download
    const { stdout } = await live.signal('SIGINT')
    // what the full queue drops is lost
    const others = found(stdout).filter((each) => !each.startsWith('loss '))
    assert.deepEqual(others, ['network-slow undefined'], stdout.toString())
  })
})
