// What a real kernel makes of resets and stray SYNs, and what is told of it, live.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { skipped, start, whyNot } from '../support/program.ts'

const TALK = join(import.meta.dirname, '../support/real-resets.py')

interface Event {
  event: string
  connection: number
  server: { port: number }
  direction?: 'client' | 'server'
  text?: string
  reason?: string
  resetBy?: string
  refutedResets?: number
  straySyns?: number
}

/** What is told of the connection to `port`. */
function told(events: readonly Event[], port: number) {
  const own = events.filter((event) => event.server.port === port)
  const said = (side: string) => own.filter((e) => e.direction === side).map((e) => e.text ?? '')
  const { reason, resetBy, refutedResets = 0, straySyns = 0 } = own.find((e) => e.event === 'close') ?? {}
  return {
    connections: new Set(own.map((e) => e.connection)).size,
    gaps: own.filter((e) => e.event === 'gap').length,
    client: said('client').join(''),
    server: said('server').join(''),
    end: [reason, resetBy, refutedResets, straySyns],
  }
}

test('resets and SYNs that Linux sends, believes, and asks back about', { timeout: 60_000 }, async (t) => {
  if (skipped(t, whyNoNamespaces() ?? whyNot('python3'))) return
  const { server: host } = makeHostPair(t)
  const live = start(t, ['--json', '-i', 'lo', 'tcp portrange 7001-7006'], { wrapper: host.wrapper })
  await live.listening()
  assert.equal(host.run('python3', TALK), 'done\n')
  const closes = () => live.stdout.toString().match(/"event":"close"/g)?.length ?? 0
  await live.until(() => closes() >= 6, 'all six had been closed')
  const { code, stdout, stderr } = await live.signal('SIGINT')
  assert.equal(code, 0)
  const events = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
  const upload = 'x'.repeat(20_000)
  const plain = { connections: 1, gaps: 0, client: 'request', server: 'answer' }
  const uploaded = { ...plain, client: `request${upload}`, server: 'answerthanks' }
  assert.deepEqual(told(events, 7001), { ...uploaded, end: ['finished', undefined, 1, 0] })
  assert.deepEqual(told(events, 7002), { ...uploaded, end: ['finished', undefined, 0, 1] })
  assert.deepEqual(told(events, 7003), { ...plain, end: ['reset', 'server', 0, 0] })
  const [unread, hello] = ['requestunread', 'answerhello']
  assert.deepEqual(told(events, 7004), { ...plain, client: unread, server: hello, end: ['reset', 'server', 0, 0] })
  assert.deepEqual(told(events, 7005), { ...plain, server: 'answerare you there?', end: ['reset', 'client', 1, 0] })
  assert.deepEqual(told(events, 7006), { ...plain, client: '', server: '', end: ['reset', 'server', 0, 0] })
  for (const note of [
    /:7001 went on after a RST from the server$/m,
    /:7002 went on after a stray SYN from the client$/m,
    /:7003 reset by the server after/,
    /:7004 reset by the server after/,
    /:7005 went on after a RST from the server$/m,
    /:7005 reset by the client after/,
    /:7006 refused/,
  ]) {
    assert.match(stderr, note)
  }
})
