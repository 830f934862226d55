import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownRequest } from '../../src/diagnosis/shown-request.ts'
import { diagnose } from '../support/diagnosed.ts'
import { Talk } from '../support/talk.ts'

const SECRET = 's3cretWord'

for (const [request, shown] of [
  ['GET /cart', 'GET /cart'],
  [`GET /login?token=${SECRET}&user=x HTTP/1.1`, 'GET /login?… HTTP/1.1'],
  [`GET http://admin:${SECRET}@web/list HTTP/1.1`, 'GET http://…@web/list HTTP/1.1'],
  [`USER shop PASS ${SECRET}`, 'USER shop PASS …'],
  [`login password=${SECRET} now`, 'login password=… now'],
  [`Authorization: ${SECRET}`, 'Authorization: …'],
  ['SET passage x', 'SET passage x'],
] as const) {
  test(`as shown: ${shown}`, () => assert.equal(shownRequest(request, 100), shown))
}

test('a part of a secret at the cut is not shown either', () => {
  assert.equal(shownRequest(`GET /a?token=${SECRET}`, 18), 'GET /a?…')
})

test('no finding has a secret, in its words or in its evidence', () => {
  const http = new Talk().open().client(`GET /login?token=${SECRET} HTTP/1.1\r\nHost: web\r\n\r\n`).wait(3000)
  http.server('HTTP/1.1 500 Failed\r\nContent-Length: 0\r\n\r\n').close()
  const redis = new Talk({ serverPort: 6379 }).open().client(`*2\r\n$4\r\nAUTH\r\n$10\r\n${SECRET}\r\n`).wait(3000)
  redis.server('-WRONGPASS invalid username-password pair\r\n').close()
  const unknown = new Talk({ serverPort: 9999 }).open().client('hello').server('hi').client(`PASS ${SECRET}\r\n`)
  const pending = new Talk({ clientPort: 40009 }).open().client(`GET /pay?key=${SECRET} HTTP/1.1\r\nHost: web\r\n\r\n`)
  const result = diagnose([http, redis, unknown.wait(3000).server('no').close(), pending.acknowledge(1).reset(1)])
  assert.ok(result.findings.length >= 4, result.told.join(', '))
  for (const { cause, next, evidence } of result.findings) {
    assert.doesNotMatch([cause, next, ...evidence.map(({ text }) => text)].join('\n'), /s3cret/)
  }
})
