// The Lua libraries that are ours: bit32, string.format, os, io.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { luaLines, Workshop } from './script-fixture.ts'

test('bit32, by the examples and rules of the 5.2 manual', async (t) => {
  const cases: readonly [string, string][] = [
    ['bit32.band()', '4294967295'],
    ['bit32.band(0xff, 0x0f, -1)', '15'],
    ['bit32.bor()', '0'],
    ['bit32.bor(0xf0, 1, 2)', '243'],
    ['bit32.bxor(0xffffffff, 1)', '4294967294'],
    ['bit32.bnot(0)', '4294967295'],
    ['bit32.bnot(0xffffffff)', '0'],
    ['bit32.band(2^32 + 5)', '5'],
    ['bit32.band(-5)', '4294967291'],
    ['bit32.band(3000000000)', '3000000000'],
    ['bit32.btest(6, 2)', 'true'],
    ['bit32.btest(6, 1)', 'false'],
    ['bit32.lshift(1, 31)', '2147483648'],
    ['bit32.lshift(1, 32)', '0'],
    ['bit32.lshift(0x80, -3)', '16'],
    ['bit32.rshift(0x80000000, 31)', '1'],
    ['bit32.rshift(-1, 0)', '4294967295'],
    ['bit32.rshift(1, -4)', '16'],
    ['bit32.rshift(1, 40)', '0'],
    ['bit32.arshift(0x80000000, 4)', '4160749568'],
    ['bit32.arshift(0x80000000, 99)', '4294967295'],
    ['bit32.arshift(0x40000000, 4)', '67108864'],
    ['bit32.arshift(1, -4)', '16'],
    ['bit32.lrotate(0x12345678, 4)', '591751041'],
    ['bit32.lrotate(1, -1)', '2147483648'],
    ['bit32.rrotate(1, 1)', '2147483648'],
    ['bit32.rrotate(0x12345678, 36)', '2166572391'],
    ['bit32.lrotate(5, 32)', '5'],
    ['bit32.extract(0xabcd, 4, 8)', '188'],
    ['bit32.extract(0x80000000, 31)', '1'],
    ['bit32.extract(0xdeadbeef, 0, 32)', '3735928559'],
    ['bit32.replace(0xabcd, 0x12, 4, 8)', '41261'],
    ['bit32.replace(0, 0xdeadbeef, 0, 32)', '3735928559'],
    ['bit32.replace(0, 1, 31)', '2147483648'],
    [
      'pcall(bit32.extract, 1, 30, 3)',
      "false\tbad argument #2 to 'bit32.extract' (trying to access non-existent bits)",
    ],
    ['pcall(bit32.extract, 1, -1)', "false\tbad argument #2 to 'bit32.extract' (field cannot be negative)"],
    ['pcall(bit32.replace, 1, 1, 1, 0)', "false\tbad argument #4 to 'bit32.replace' (width must be positive)"],
  ]
  const lines = await luaLines(t, cases.map(([call]) => `print(${call})`).join('\n'))
  assert.deepEqual(
    lines.map((line) => line.replace(/test\.lua:\d+: /, '')),
    cases.map(([, expected]) => expected),
  )
})

test('string.format, as C has it and with numbers as Lua 5.1 takes them', async (t) => {
  const cases: readonly [string, string][] = [
    ["'%d', 3.7", '3'],
    ["'%d', -3.7", '-3'],
    ["'%d', 2^40", '1099511627776'],
    ["'%d', '12'", '12'],
    ["'%i|%5d|%-5d|%05d|%+d|% d|%.3d', 1, 2, 3, 4, 5, 6, 7", '1|    2|3    |00004|+5| 6|007'],
    ["'%u %u', 3000000000, -1", '3000000000 18446744073709551615'],
    ["'%x %X %#x %08x %o', 255, 255, 255, 4294967295, 8", 'ff FF 0xff ffffffff 10'],
    ["'%x', -1", 'ffffffffffffffff'],
    [
      "'%5.1f|%.0f|%f|%-8.2f|%08.3f|%+.1f', 3.14159, 2.5001, 1, 2.5, -2.5, 1",
      '  3.1|3|1.000000|2.50    |-002.500|+1.0',
    ],
    ["'%.2f', 1e21", '1000000000000000000000.00'],
    ["'%e|%.2E|%.0e', 12345.678, 0.00012, 5", '1.234568e+04|1.20E-04|5e+00'],
    [
      "'%g|%g|%g|%g|%g|%.3g|%G', 100000, 1000000, 0.0001, 0.00001, 0.5, 1234.5, 1e-10",
      '100000|1e+06|0.0001|1e-05|0.5|1.23e+03|1E-10',
    ],
    ["'%f|%5.1f|%d', 1/0, -1/0, 0/0", 'inf| -inf|0'],
    ["'%c%c%c', 72, 0x69, 33", 'Hi!'],
    ["'%s|%10s|%-10s|%.2s|%5.1s|', 'abc', 'abc', 'abc', 'abc', 'abc'", 'abc|       abc|abc       |ab|    a|'],
    ["'%s %s %s', nil, true, 1.5", 'nil true 1.5'],
    ["'%q', 'a\"b\\\\c\\r'", '"a\\"b\\\\c\\r"'],
    ["'%%|%5s%%', 'x'", '%|    x%'],
  ]
  const lines = await luaLines(t, cases.map(([args]) => `print(string.format(${args}))`).join('\n'))
  assert.deepEqual(
    lines,
    cases.map(([, expected]) => expected),
  )
  assert.deepEqual(
    await luaLines(
      t,
      `print(select(2, pcall(string.format, '%d')))
      print(select(2, pcall(string.format, '%y', 1)))
      print(#string.format('%-20s', '\\255\\254\\0'), ('%d items'):format(2.5))`,
    ),
    ["bad argument #2 to 'string.format' (no value)", "invalid option '%y' to 'format'", '20\t2 items'],
  )
})

test('os.date and os.time', async (t) => {
  const cases: readonly [string, string][] = [
    ["os.date('!%Y-%m-%d %H:%M:%S', 1583695386)", '2020-03-08 19:23:06'],
    ["os.date('!%Y-%m-%d %H:%M:%S', 1583695386.9)", '2020-03-08 19:23:06'],
    [
      "os.date('!%c|%x|%X|%p|%y|%j|%a|%A|%b|%B', 1583695386)",
      'Sun Mar  8 19:23:06 2020|03/08/20|19:23:06|PM|20|068|Sun|Sunday|Mar|March',
    ],
    [
      "os.date('!%I %e %D %F %T %R %u %w %U %W %z %% %s', 0)",
      '12  1 01/01/70 1970-01-01 00:00:00 00:00 4 4 00 00 +0000 % 0',
    ],
    ["os.date('!%Y', 4102444800)", '2100'],
    ["os.date('!*t', 1583695386).yday", '68'],
    ["os.time(os.date('*t', 1583695386))", '1583695386'],
    ['os.time({year=2020, month=3, day=8, hour=12}) - os.time({year=2020, month=3, day=7, hour=12})', '86400'],
    ['os.time() * 1000 > 2^40', 'true'],
    ['os.difftime(5, 2)', '3'],
    ["os.getenv('NOT_THERE_AT_ALL')", 'nil'],
    ['pcall(os.time, {year=2020})', "false\tfield 'month' missing in date table"],
  ]
  const lines = await luaLines(t, cases.map(([call]) => `print(${call})`).join('\n'))
  assert.deepEqual(
    lines.map((line) => line.replace(/test\.lua:\d+: /, '')),
    cases.map(([, expected]) => expected),
  )
})

test('io: files are read and written as Lua does', async (t) => {
  const workshop = new Workshop(t)
  const script = await workshop.open(
    'io.lua',
    `local path = '${workshop.folder}/data.txt'
    local f = assert(io.open(path, 'w'))
    f:write('first\\n', 2, '\\n', 'third \\0 line\\n12.5 0x10 rest'):close()
    print(io.type(f), pcall(f.write, f, 'x'))
    for line in io.lines(path) do print(#line) end
    f = io.open(path)
    print(f:read('*l', '*n', '*l', '*L'))
    print(f:read('n', 'n', 1, 'a'))
    print(f:read('*l'), f:read('*a'), f:seek('set', 2), f:read(3), f:seek('cur'), f:seek('end'))
    f:close()
    f = io.open(path, 'a') f:write('!') f:close()
    f = io.open(path, 'r+') f:write('FIRST') f:seek('set', 0) print(f:read('l')) f:close()
    print(select('#', io.open('/nowhere/x')), io.open('/nowhere/x'))
    io.output():write('to the output', '\\n')
    print(io.popen('echo from a command'):read('*a'))
    print(os.rename(path, path .. '.old'), os.remove(path .. '.old'), (select(2, os.remove(path))))
    print(io.stdout:close())
    function process() end`,
  )
  await script.finish()
  assert.deepEqual(
    workshop.lines.map((line) => line.replaceAll(workshop.folder, '')),
    [
      'closed file\tfalse\tattempt to use a closed file',
      '5',
      '1',
      '12',
      '14',
      'first\t2\t\tthird \0 line',
      '',
      '12.5\t16\t \trest',
      'nil\t\t2\trst\t5\t35',
      'FIRST',
      '3\tnil\t/nowhere/x: No such file or directory\t2',
      'to the output',
      'from a command',
      '',
      'true\ttrue\t/data.txt: No such file or directory',
      'nil\tcannot close standard file',
    ],
  )
})
