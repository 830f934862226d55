import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TerminalMessages } from '../../../src/output/messages/messages.ts'
import { Written } from '../console/console-fixture.ts'

async function said(
  options: { info: boolean; notes: boolean },
  say: (messages: TerminalMessages) => void,
): Promise<string> {
  const written = new Written()
  const messages = new TerminalMessages(written.fd, options)
  say(messages)
  await messages.finish()
  return written.take().toString()
}

function everyKind(messages: TerminalMessages): void {
  messages.info('listening')
  messages.note('refused')
  messages.error('no such interface', 'try --list\nor any')
}

test('a prefix, and a hint on lines of its own', async () => {
  assert.equal(
    await said({ info: true, notes: true }, everyKind),
    'tcpflow: listening\ntcpflow: refused\ntcpflow: no such interface\n  try --list\n  or any\n',
  )
})

test('-q and --no-notes silence their kind, nothing silences errors', async () => {
  assert.match(await said({ info: false, notes: true }, everyKind), /^tcpflow: refused\ntcpflow: no such/)
  assert.match(await said({ info: true, notes: false }, everyKind), /^tcpflow: listening\ntcpflow: no such/)
  assert.match(await said({ info: false, notes: false }, everyKind), /^tcpflow: no such/)
})

test('nothing in a message can act on the terminal', async () => {
  const line = await said({ info: true, notes: true }, (messages) => {
    messages.error('bad name \x1b]0;title\x07 \r\n forged: line \u202e', 'hint \x1b[2J')
  })
  assert.equal(line, 'tcpflow: bad name .]0;title. .. forged: line .\n  hint .[2J\n')
})

test('a live line is taken away before a message', async () => {
  const line = await said({ info: true, notes: true }, (messages) => {
    messages.liveLine = { erase: () => messages.draw('<erase>') }
    messages.draw('50%')
    messages.info('hello')
  })
  assert.equal(line, '50%<erase>tcpflow: hello\n')
})

test('a reader that does not read loses notes, not errors, and is told how many', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'messages-'))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const messages = new TerminalMessages(writer, { info: true, notes: true })
  const long = 'x'.repeat(1000)
  for (let i = 0; i < 500; i++) messages.note(long)
  messages.error('important')
  let text = ''
  const finished = messages.finish().then(() => closeSync(writer))
  const chunk = Buffer.alloc(65536)
  for (let done = false; !done; ) {
    await new Promise((resolve) => setImmediate(resolve))
    try {
      const count = readSync(reader, chunk)
      text += chunk.toString('latin1', 0, count)
      done = count === 0
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    }
  }
  await finished
  closeSync(reader)
  rmSync(folder, { recursive: true })
  const lines = text.split('\n').slice(0, -1)
  assert.equal(lines.at(-1), 'tcpflow: important')
  const leftOut = lines.at(-2)!.match(/^tcpflow: (\d+) notes left out/)
  assert.ok(leftOut)
  assert.equal(lines.length - 2 + Number(leftOut[1]), 500)
})
