import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ExchangeStreams } from '../../../src/protocol/exchange-streams.ts'
import { http } from '../../../src/protocol/http/http.ts'
import { listening, portOf, recordingProxy, SeenExchanges } from '../live-record.ts'

const run = promisify(execFile)
const DELAY_MILLIS = 60

function configuration(folder: string, port: number, upstream: number): string {
  return `
daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
  log_format measure '$request_method $request_uri $status $request_length $bytes_sent';
  access_log ${folder}/access.log measure;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${port}; root ${folder};
    location /slow { proxy_pass http://127.0.0.1:${upstream}; proxy_http_version 1.1; proxy_buffering off; }
    location /put { proxy_pass http://127.0.0.1:${upstream}; proxy_http_version 1.1; }
    location /dead { proxy_pass http://127.0.0.1:1; }
  }
}`
}

/** Answers late, in pieces with a pause between them; takes what it is sent. */
function slowServer() {
  return createServer(async (request, response) => {
    for await (const _ of request) {
      // all of it
    }
    await sleep(DELAY_MILLIS)
    response.write('first')
    await sleep(DELAY_MILLIS)
    response.end('last')
  })
}

async function answers(port: number, nginx: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200 && nginx.exitCode === null; tries++) {
    const socket = net.connect(port, '127.0.0.1')
    const open = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true))
      socket.on('error', () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await sleep(25)
  }
  throw new Error('nginx does not answer')
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  const port = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function startNginx(t: TestContext, upstream: number): Promise<{ port: number; log(): string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-http-'))
  const port = await freePort()
  writeFileSync(join(folder, 'page.txt'), 'x'.repeat(100_000))
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, upstream))
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')], { stdio: 'ignore' })
  t.after(async () => {
    nginx.kill('SIGKILL')
    if (nginx.exitCode === null && nginx.signalCode === null) await new Promise((resolve) => nginx.on('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  })
  await answers(port, nginx)
  const log = () => readFileSync(join(folder, 'access.log'), 'utf8').trimEnd().split('\n')
  return { port, log }
}

test('what curl asks of nginx: each exchange as nginx logs it, byte for byte, and late ones late', async (t) => {
  if (spawnSync('nginx', ['-v']).error !== undefined || spawnSync('curl', ['-V']).error !== undefined) {
    console.error('skipped: nginx and curl are not installed')
    t.skip('needs nginx and curl')
    return
  }
  const upstream = slowServer()
  t.after(() => upstream.close())
  const nginx = await startNginx(t, await listening(upstream))
  const seen = new SeenExchanges()
  const streams = new ExchangeStreams({ protocols: [http], fallback: undefined, consumer: seen })
  const proxy = await recordingProxy(streams, nginx.port)
  t.after(() => proxy.close())
  const url = (path: string) => `http://127.0.0.1:${portOf(proxy)}${path}`
  const curl = (...args: string[]) => run('curl', ['-s', '-o', '/dev/null', ...args])

  const sink = ['-o', '/dev/null']
  await curl(url('/page.txt?a=1'), ...sink, url('/missing'), ...sink, url('/slow/1'), ...sink, url('/dead'))
  await curl('-I', url('/page.txt'), ...sink, url('/page.txt'))
  await curl('-H', 'Expect: 100-continue', '--data-binary', 'x'.repeat(70_000), url('/put'), ...sink, url('/put'))
  await curl('-H', 'Transfer-Encoding: chunked', '--data-binary', 'y'.repeat(5000), url('/put/chunked'))
  await curl('--http1.0', url('/slow/0'))
  await curl('-H', 'Range: bytes=10-19', url('/page.txt'))
  for (let tries = 0; tries < 500 && seen.all.length < 11; tries++) await sleep(10)

  assert.deepEqual(
    seen.all.map((e) => [e.request, e.statusText, ...e.bytes].join(' ')),
    nginx.log(),
  )
  for (const e of seen.all) {
    assert.equal(e.status, e.statusText === '502' ? 'error' : 'ok')
    assert.ok(e.millis[0] >= 0 && e.millis[1] >= e.millis[0])
    if (!/slow|put/.test(e.request)) continue
    assert.ok(e.millis[0] >= DELAY_MILLIS * 0.9, `${e.request}: ${e.millis}`)
    assert.ok(e.millis[1] >= DELAY_MILLIS * 1.9, `${e.request}: ${e.millis}`)
  }
})
