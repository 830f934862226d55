// A comparison finds in a capture what tcpflow latency tells of it, and puts it into the same groups.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { answer, query } from '../protocol/dns/dns-builder.ts'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { type PcapFrame, pcapFile } from '../support/pcap-builder.ts'
import { mustRun, temporaryFolder } from '../support/program.ts'
import { Talk } from '../support/talk.ts'

const START = 1_700_000_000

function datagram(
  from: readonly [string, number],
  to: readonly [string, number],
  payload: Buffer,
  time: number,
): PcapFrame {
  const inside = udp({ sport: from[1], dport: to[1], payload })
  return { frame: ethernet({}, ipv4({ src: from[0], dst: to[0], protocol: 17 }, inside)), time }
}

/** Redis, HTTP and DNS on one link. */
function capture(t: TestContext): string {
  const redis = new Talk({ serverPort: 6379 }).open()
  for (let i = 0; i < 3; i++) redis.client(`*2\r\n$3\r\nGET\r\n$2\r\nk${i}\r\n`).server('$1\r\nx\r\n')
  const http = new Talk({ clientPort: 40001, startTime: START + 1 }).open()
  for (const path of ['/users/1', '/users/2', '/about']) {
    http.client(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).server('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  }
  const client = ['10.0.0.1', 5353] as const
  const server = ['10.0.0.53', 53] as const
  const dns = [
    datagram(client, server, query({ name: 'a.example' }), START + 2),
    datagram(server, client, answer({ name: 'a.example', answers: 1 }), START + 2.01),
  ]
  const path = join(temporaryFolder(t), 'both.pcap')
  writeFileSync(path, pcapFile([...redis.frames, ...http.frames, ...dns]))
  return path
}

async function rows(t: TestContext, ...args: string[]): Promise<string[]> {
  const { stdout } = await mustRun(t, ['latency', '-q', '--table', ...args])
  return stdout
    .toString()
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/)[0]!)
    .filter((name) => name !== 'all' && !name.startsWith('where'))
    .sort()
}

test('a protocol that is asked for is the only one, DNS not excepted', async (t) => {
  const path = capture(t)
  assert.deepEqual(await rows(t, '--compare', '-p', 'redis', path, path), ['GET'])
  assert.deepEqual(await rows(t, '-p', 'redis', '-r', path), ['GET'])
})

for (const by of ['command', 'route', 'key', 'server', 'server,command']) {
  test(`--by ${by} makes the same groups of one capture and of two`, async (t) => {
    const path = capture(t)
    const compared = await rows(t, '--compare', '--by', by, path, path)
    assert.deepEqual(compared, await rows(t, '--by', by, '-r', path))
    assert.ok(compared.length > 1, compared.join())
  })
}

test('HTTP is grouped by method, not by URL', async (t) => {
  const path = capture(t)
  assert.deepEqual(await rows(t, '--compare', '-p', 'http', '--by', 'command', path, path), ['GET'])
})
