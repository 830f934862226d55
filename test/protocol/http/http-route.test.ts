// What HTTP requests of one sort have in common.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { routeOf } from '../../../src/protocol/http/http-route.ts'

test('routes', () => {
  const cases: [string, string][] = [
    ['GET /users/1', 'GET /users/:id'],
    ['GET /users/42/orders/7?page=2', 'GET /users/:id/orders/:id'],
    ['GET /', 'GET /'],
    ['DELETE /v1/things/3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'DELETE /v1/things/:id'],
    ['GET /blob/da39a3ee5e6b4b0d3255bfef95601890afd80709', 'GET /blob/:id'],
    ['GET /facade/deadbeefcafe', 'GET /facade/deadbeefcafe'],
    ['GET /s/aGVsbG8gd29ybGQgaG93IGFyZSB5b3U1', 'GET /s/:id'],
    ['GET /static/app-main.js', 'GET /static/app-main.js'],
    ['PING', 'PING'],
    ['GET /1', 'GET /:id'],
    ['GET /a//2/', 'GET /a//:id/'],
    ['GET http://a.example/7', 'GET http://a.example/:id'],
    ['OPTIONS *', 'OPTIONS *'],
    ['GET ', 'GET '],
  ]
  for (const [command, route] of cases) assert.equal(routeOf(command), route)
})

test('a path without end', () => {
  const route = routeOf(`GET ${'/a'.repeat(500)}`)
  assert.ok(route.length < 40, route)
  assert.ok(routeOf(`GET /${'long-word'.repeat(100)}`).length <= 128)
})

test('routes that are the same are the same, whatever was put together before', () => {
  const segment = fc.oneof(
    fc.constantFrom('users', 'v1', '', '42', '…', 'Überall', 'x'.repeat(150), 'deadbeefcafe1', '1_2'),
    fc.string({ maxLength: 3 }).map((text) => text.replace(/[/?]/g, '')),
  )
  const commands = fc.array(
    fc.tuple(fc.constantFrom('GET', 'M-SEARCH', ''), fc.array(segment, { maxLength: 15 })).map(([method, segments]) => {
      return `${method} ${segments.join('/')}`
    }),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(commands, (all) => {
      for (const command of all) assert.equal(routeOf(command), plainRouteOf(command))
    }),
    { seed: 415 },
  )
})

/** The same with strings and patterns. */
function plainRouteOf(command: string): string {
  const path = command.indexOf(' ') + 1
  const segments = command.slice(path).split('/')
  const shown = segments.slice(0, 12).map((segment) => {
    if (!/^[\w-]*\d[\w-]*$/.test(segment)) return segment
    const isNumber = /^\d+$/.test(segment)
    const isHex = /^[\da-f]{12,}$/i.test(segment)
    const isToken = segment.length >= 24 && /[a-z]/i.test(segment)
    return isNumber || isHex || isToken ? ':id' : segment
  })
  const route = command.slice(0, path) + [...shown, ...(segments.length > 12 ? ['…'] : [])].join('/')
  return route.length <= 128 ? route : `${route.slice(0, 127)}…`
}
