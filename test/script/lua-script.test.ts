// Lua scripts: the packet's table, what is printed, errors, runaways, the end.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { OperatorError } from '../../src/core/errors.ts'
import { datagramOf, luaLines, segmentOf, Workshop } from './script-fixture.ts'

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i)

test('process gets the fields of a segment as tcpkit names them', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'fields.lua',
    `function process(p)
      local names = {}
      for name in pairs(p) do names[#names + 1] = name end
      table.sort(names)
      print(table.concat(names, ' '))
      print(p.tv_sec, p.tv_usec, p.sip, p.sport, p.dip, p.dport, p.payload, p.size, p.seq, p.ack, p.flags, p.window)
    end`,
  )
  script.onRawSegment(
    segmentOf({
      sequence: 0xfffffff0 | 0,
      acknowledgement: 0x80000000 | 0,
      flags: 0xd8,
      window: 65535,
      payload: Buffer.from('get a'),
    }),
  )
  await script.finish()
  assert.deepEqual(workshop.lines, [
    'ack dip dport flags payload seq sip size sport tv_sec tv_usec window',
    '1583695386\t258761\t10.0.0.1\t51137\t192.168.0.2\t6379\tget a\t5\t4294967280\t2147483648\t24\t65535',
  ])
  assert.deepEqual([workshop.said, script.failed], [[], false])
})

test('a datagram has no seq, ack, flags and window, and IPv6 addresses are short', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'udp.lua',
    'function process(p) print(p.sip, p.dip, p.payload, p.size, p.seq, p.ack, p.flags, p.window) end',
  )
  script.onDatagram(
    datagramOf(Buffer.from('x'), { family: 6, sourceWord0: 0x20010db8, sourceWord3: 1, destinationWord3: 2 }),
  )
  await script.finish()
  assert.deepEqual(workshop.lines, ['2001:db8::1\t::2\tx\t1\tnil\tnil\tnil\tnil'])
})

test('payload is every byte as it was, kept after the call, and printed as it is', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'bytes.lua',
    `local kept = {}
    function process(p)
      kept[#kept + 1] = p
      assert(#p.payload == p.size)
      for i = 1, p.size do assert(p.payload:byte(i) == (i - 1 + #kept - 1) % 256) end
      if #kept == 2 then io.write(kept[1].payload, kept[2].payload) end
    end`,
  )
  const turned = Uint8Array.from(ALL_BYTES, (byte) => (byte + 1) & 255)
  const segment = segmentOf({ payload: ALL_BYTES })
  script.onRawSegment(segment)
  segment.buf.fill(0xee)
  script.onRawSegment(segmentOf({ payload: turned }))
  await script.finish()
  assert.deepEqual(workshop.said, [])
  assert.deepEqual(workshop.output, Buffer.concat([ALL_BYTES, turned]))
})

test('numbers are doubles as in Lua 5.1', async (t) => {
  assert.deepEqual(
    await luaLines(
      t,
      `print(2147483647 + 1, 1583695386 * 1000000 + 258761, 0xffffffff, 7 / 2, 3.0, 10 / 2, 2 ^ 53, 1e15, 1e100, 0.1, -0.5)
      print(1e-5, 123456.789, 1/0, -1/0, 100000000000000, 12345678901234567890)
      print(tonumber('0xfffffffff'), tonumber('5000000000'), -0xff, '10' + 1, ('x'):rep(2.9), ('abc'):sub(1.5, 2.5))
      print(math.floor(4294967296.5), math.max(1, 2.5), #'abc' * 3, 7 % 3, 2 ^ 31)
      for i = 1, 3 do io.write(i, ' ') end print()
      local t = {} t[1] = 'a' t[2.0] = 'b' print(#t, t[1.0], next({[4294967296] = 1}))`,
    ),
    [
      '2147483648\t1.5836953862588e+15\t4294967295\t3.5\t3\t5\t9.007199254741e+15\t1e+15\t1e+100\t0.1\t-0.5',
      '1e-05\t123456.789\tinf\t-inf\t1e+14\t1.2345678901235e+19',
      '68719476735\t5000000000\t-255\t11\txx\tab',
      '4294967296\t2.5\t9\t1\t2147483648',
      '1 2 3 ',
      '2\ta\t4294967296\t1',
    ],
  )
})

test('strings with control characters are different keys and sort by bytes', async (t) => {
  assert.deepEqual(
    await luaLines(
      t,
      `local t = {['\\1\\35'] = 'a', ['\\18\\3'] = 'b', ['a\\0b'] = 'c', a = 'd'}
      print(t['\\1\\35'], t['\\18\\3'], t['a\\0b'], t.a, '\\1\\35' == '\\18\\3', '\\1\\35' < '\\18\\3', 'a\\0b' > 'a')`,
    ),
    ['a\tb\tc\td\tfalse\ttrue\ttrue'],
  )
})

test('names of Lua 5.1 and 5.2', async (t) => {
  assert.deepEqual(
    await luaLines(
      t,
      `print(unpack({1, 2, 3}))
      print(loadstring('return 1 + 1')(), table.getn({1, 2}), table.maxn({1, [7] = 1}), math.pow(2, 40), math.mod(7, 3))
      print(math.log10(1000), math.ldexp(0.75, 3), math.frexp(6))
      table.foreachi({'x'}, function(i, v) io.write(i, '=', v, ' ') end)
      for w in string.gfind('a b', '%a') do io.write(w) end print()
      print(type(debug.traceback()), type(os.clock()), type(os.time()), _VERSION)
      print(select('#', pcall(error)), tostring(nil), rawequal('a', 'a'))`,
    ),
    [
      '1\t2\t3',
      '2\t2\t7\t1099511627776\t1',
      '3\t6\t0.75\t3',
      '1=x ab',
      'string\tnumber\tnumber\tLua 5.3',
      '2\tnil\ttrue',
    ],
  )
})

test('a module beside the script is found by require', async (t) => {
  const workshop = new Workshop(t)
  workshop.write('decoder.lua', 'return { name = "decoder" }')
  const script = await workshop.open('main.lua', `local d = require('decoder') function process() print(d.name) end`)
  script.onRawSegment(segmentOf({}))
  await script.finish()
  assert.deepEqual(workshop.lines, ['decoder'])
})

async function refusal(t: TestContext, name: string, source: string): Promise<string> {
  const error = await new Workshop(t).open(name, source).then(
    () => assert.fail('it was loaded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof OperatorError, String(error))
  return error.message
}

test('what cannot begin is said in one line', async (t) => {
  assert.equal(await refusal(t, 'a.lua', 'x = = 1'), "a.lua:1: unexpected symbol near '='")
  assert.equal(
    await refusal(t, 'a.lua', '#!/usr/bin/lua\n\nlocal t = nil\nt.x = 1'),
    "a.lua:4: attempt to index a nil value (local 't')",
  )
  assert.equal(await refusal(t, 'a.lua', 'print(1)'), 'a.lua: there is no function process(packet) in it')
  assert.equal(await refusal(t, 'a.lua', 'process = 1'), 'a.lua: there is no function process(packet) in it')
  assert.match(await refusal(t, 'a', '\nerror({})'), /^a:2: table: /)
  await assert.rejects(new Workshop(t).openFile('none.lua'), { message: 'none.lua: there is no such file' })
  await assert.rejects(new Workshop(t).openFile('.'), { message: '. is a folder' })
})

test('an error names file and line, is said once, and ends the script alone', async (t) => {
  for (const [line, expected] of [
    ['local x = nil; x.y = 1', "e.lua:3: attempt to index a nil value (local 'x')"],
    ["error('out of order')", 'e.lua:3: out of order'],
    ["error('bare', 0)", 'e.lua:3: bare'],
    ['string.rep()', "e.lua:3: bad argument #1 to 'rep' (string expected, got no value)"],
    ["print(('x'):rep(1e10))", /^e\.lua:3: /],
    ['local function f() return 1 + f() end f()', /^e\.lua:3: stack overflow/],
    ["string.format('%d', 'x')", "e.lua:3: bad argument #2 to 'format' (number expected, got string)"],
    ['print(packet.nothing.more)', "e.lua:3: attempt to index a nil value (field 'nothing')"],
  ] as const) {
    const workshop = new Workshop(t)
    const script = await workshop.open('e.lua', `function process(packet)\n  print('called')\n  ${line}\nend`)
    for (let i = 0; i < 3; i++) script.onRawSegment(segmentOf({}))
    await script.drain()
    script.onRawSegment(segmentOf({}))
    assert.equal(script.blocked, false)
    await script.finish()
    assert.equal(workshop.said.length, 1, line)
    if (typeof expected === 'string') assert.equal(workshop.said[0], expected)
    else assert.match(workshop.said[0]!, expected)
    assert.deepEqual([workshop.lines, script.failed], [['called'], true])
  }
})

test('a call that never returns is ended, also when the script catches errors', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => (now += 400))
  for (const line of [
    'while true do end',
    'while true do pcall(function() while true do end end) end',
    'local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end',
  ]) {
    const workshop = new Workshop(t)
    const script = await workshop.open('loop.lua', `function process()\n  ${line}\nend`)
    script.onRawSegment(segmentOf({}))
    await script.finish()
    assert.deepEqual(workshop.said, ['loop.lua:2: did not return within 10 s'])
    assert.equal(script.failed, true)
  }
})

test('os.exit ends the run with its status, and nothing in the script can catch it', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'exit.lua',
    `local n = 0
    function process()
      n = n + 1
      print(n)
      if n == 2 then pcall(os.exit, 3) print('never') end
    end`,
  )
  let stops = 0
  script.onStop = () => void stops++
  for (let i = 0; i < 5; i++) script.onRawSegment(segmentOf({}))
  await script.drain()
  script.onRawSegment(segmentOf({}))
  await script.finish()
  assert.deepEqual([workshop.lines, stops, script.exitCode, script.failed], [['1', '2'], 1, 3, false])
  assert.deepEqual(workshop.said, [])
})

test('files are written when the run pauses and when it ends', async (t) => {
  const workshop = new Workshop(t)
  const path = join(workshop.folder, 'out.txt')
  const script = await workshop.open(
    'files.lua',
    `local out = assert(io.open('${path}', 'w'))
    function process(p) out:write(p.size, '\\n') io.stderr:write('seen\\n') end`,
  )
  script.onRawSegment(segmentOf({ payload: ALL_BYTES }))
  script.flush()
  assert.equal(readFileSync(path, 'utf8'), '256\n')
  script.onRawSegment(segmentOf({}))
  await script.finish()
  assert.equal(readFileSync(path, 'utf8'), '256\n0\n')
  assert.equal(workshop.errors, 'seen\nseen\n')
})

test('what is abandoned is not waited for', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open('slow.lua', 'function process() print(1) end')
  script.onRawSegment(segmentOf({}))
  assert.equal(script.busy, true)
  script.abandon()
  await script.finish()
  assert.deepEqual([workshop.lines, script.busy, script.failed], [[], false, false])
})
