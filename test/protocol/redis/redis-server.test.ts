import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import test from 'node:test'
import { redis } from '../../../src/protocol/redis/redis.ts'
import { Transcript } from '../exchange-transcript.ts'
import { freePort, RawClient, RecordingProxy, startServer, stopServer } from '../recording-proxy.ts'

function ask(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

/** `INFO commandstats` as command (upper case, `CONFIG GET`) → calls, rejected ones included. */
function countsOf(info: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [, name, calls, rejected] of info.matchAll(/cmdstat_([^:]+):calls=(\d+).*rejected_calls=(\d+)/g)) {
    counts.set(name!.toUpperCase().replace('|', ' '), Number(calls) + Number(rejected))
  }
  return counts
}

test('against redis-server: as many exchanges of each command as its own counters say', async (t) => {
  const port = await freePort()
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--enable-debug-command', 'yes']
  const server = await startServer('redis-server', args, port)
  if (server === undefined) {
    console.error('redis-server is not installed: not compared with it')
    t.skip('redis-server is not installed')
    return
  }
  const proxy = new RecordingProxy(port)
  const proxyPort = await proxy.listen()
  try {
    await benchmark(proxyPort, '-P', '1', '-c', '4', '-n', '400', '-t', 'set,get,incr,lpush,hset,zadd,lrange_100')
    await benchmark(proxyPort, '-P', '16', '-c', '3', '-n', '3000', '-t', 'set,get,mset', '-d', '300')
    await talk(proxyPort)
    const direct = new RawClient(port)
    const counts = countsOf(await direct.ask(ask('INFO', 'commandstats'), '\r\n'))
    await direct.close()
    compare(proxy, counts)
  } finally {
    await proxy.close()
    await stopServer(server)
  }
})

async function benchmark(port: number, ...args: string[]): Promise<void> {
  const child = spawn('redis-benchmark', ['-h', '127.0.0.1', '-p', `${port}`, '-q', ...args], { stdio: 'ignore' })
  assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 0)
}

/** What a benchmark does not do. */
async function talk(port: number): Promise<void> {
  const client = new RawClient(port)
  const listener = new RawClient(port)
  await client.ask(ask('HELLO', '3'), '*0\r\n')
  await client.ask(ask('MULTI') + ask('SET', 'n', '1') + ask('INCR', 'n') + ask('EXEC'), '*2\r\n+OK\r\n:2\r\n')
  await client.ask(ask('DEBUG', 'SLEEP', '0.06') + ask('PING'), '+PONG\r\n')
  await client.ask(
    ask('INCR', 'mylist') + ask('HGETALL', 'h') + ask('CONFIG', 'GET', 'save'),
    '%1\r\n$4\r\nsave\r\n$0\r\n\r\n',
  )
  await listener.ask(ask('SUBSCRIBE', 'one', 'two'), ':2\r\n')
  await client.ask(ask('PUBLISH', 'one', 'hello') + ask('PUBLISH', 'two', 'hello'), ':1\r\n:1\r\n')
  await listener.receive('two\r\n$5\r\nhello\r\n')
  await listener.ask(ask('UNSUBSCRIBE'), ':0\r\n')
  await client.ask(ask('SUBSCRIBE', 'three') + ask('PUBLISH', 'three', 'x') + ask('UNSUBSCRIBE', 'three'), ':0\r\n')
  listener.send(ask('BLPOP', 'queue', '0'))
  await new Promise((resolve) => setTimeout(resolve, 80))
  await client.ask(ask('RPUSH', 'queue', 'x'), ':1\r\n')
  await listener.receive('$1\r\nx\r\n')
  await client.ask('CLIENT REPLY OFF\r\nSET quiet 1\r\nCLIENT REPLY ON\r\nECHO "all done"\r\n', '$8\r\nall done\r\n')
  await client.ask(ask('CLIENT', 'REPLY', 'SKIP') + ask('CLIENT', 'REPLY', 'ON') + ask('ECHO', 'on'), '$2\r\non\r\n')
  await client.ask(ask('DEBUG', 'PROTOCOL', 'attrib') + ask('DEBUG', 'PROTOCOL', 'push') + ask('PING'), '+PONG\r\n')
  await listener.ask(ask('SUBSCRIBE', 'one', 'two') + ask('PSUBSCRIBE', '*'), ':3\r\n')
  const leaving = ['UNSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE', 'PING'].map((word) => ask(word)).join('')
  await listener.ask(leaving, '+PONG\r\n')
  await listener.ask(ask('MONITOR'), '+OK\r\n')
  await client.ask(ask('ECHO', 'seen'), 'seen\r\n')
  await listener.ask(ask('MONITOR') + ask('RESET'), '+RESET\r\n')
  await client.close()
  await listener.close()
}

function compare(proxy: RecordingProxy, counts: Map<string, number>): void {
  const told: Transcript['told'] = []
  for (const recording of proxy.recordings) {
    const transcript = new Transcript(redis)
    recording.replay(transcript.parser)
    told.push(...transcript.told)
  }
  const commands = new Map<string, number>()
  let queued = 0
  for (const e of told) {
    assert.ok(e.status === 'ok' || e.status === 'error' || e.status === 'silent', `${e.request}: ${e.status}`)
    if (e.statusText === 'QUEUED') queued++
    // The server counts DEBUG as one command.
    const command = e.command.replace(/^DEBUG .*/, 'DEBUG')
    commands.set(command, (commands.get(command) ?? 0) + 1)
  }
  // The INFO itself is not through the proxy, and not in its own answer.
  assert.deepEqual([...commands].sort(), [...counts].sort())
  assert.equal(queued, 2)
  assert.equal(told.filter((e) => e.status === 'silent').length, 4)
  assert.equal(told.find((e) => e.request === 'INCR mylist')!.status, 'error')
  assert.deepEqual(
    told.filter((e) => e.blocking).map((e) => e.request),
    ['BLPOP queue 0'],
  )
  const micros = (request: string) => {
    const { times } = told.find((e) => e.request === request)!
    return (times[2] - times[1]) * 1000
  }
  assert.ok(micros('DEBUG SLEEP 0.06') >= 55_000)
  assert.ok(micros('BLPOP queue 0') >= 75_000)
}
