// Lua's os library. Times are seconds since 1970 as doubles, so they do not end in 2038.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LuaState, lauxlib, lua } from './fengari.cjs'
import { fromLua, openLibrary, pushFailure, raise, setNumberField, toLua } from './lua-api.ts'

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAY_MILLIS = 86_400_000

/** `exit` is called with a status, and must throw. */
export function openOs(L: LuaState, exit: (L: LuaState, status: number) => never): void {
  openLibrary(L, 'os', {
    clock: (L) => {
      const { user, system } = process.cpuUsage()
      return pushNumber(L, (user + system) / 1e6)
    },
    date: osDate,
    difftime: (L) => pushNumber(L, lauxlib.luaL_checknumber(L, 1) - lauxlib.luaL_checknumber(L, 2)),
    execute: osExecute,
    exit: (L) => exit(L, exitStatus(L)),
    getenv: (L) => {
      const value = process.env[fromLua(lauxlib.luaL_checkstring(L, 1))]
      if (value === undefined) lua.lua_pushnil(L)
      else lua.lua_pushstring(L, toLua(value))
      return 1
    },
    remove: (L) => changing(L, (path) => removeAny(path)),
    rename: (L) => changing(L, (path) => renameSync(path, fromLua(lauxlib.luaL_checkstring(L, 2)))),
    setlocale: (L) => {
      lua.lua_pushstring(L, toLua('C'))
      return 1
    },
    time: osTime,
    tmpname: (L) => {
      lua.lua_pushstring(L, toLua(join(mkdtempSync(join(tmpdir(), 'lua-')), 'file')))
      return 1
    },
  })
}

function pushNumber(L: LuaState, value: number): number {
  lua.lua_pushnumber(L, value)
  return 1
}

function exitStatus(L: LuaState): number {
  if (lua.lua_type(L, 1) === lua.LUA_TBOOLEAN) return lua.lua_toboolean(L, 1) ? 0 : 1
  return lauxlib.luaL_optinteger(L, 1, 0) & 255
}

function changing(L: LuaState, change: (path: string) => void): number {
  const path = fromLua(lauxlib.luaL_checkstring(L, 1))
  try {
    change(path)
  } catch (error) {
    return pushFailure(L, error, path)
  }
  lua.lua_pushboolean(L, true)
  return 1
}

function removeAny(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
    rmdirSync(path)
  }
}

function osExecute(L: LuaState): number {
  if (lua.lua_isnoneornil(L, 1)) {
    lua.lua_pushboolean(L, true)
    return 1
  }
  const command = fromLua(lauxlib.luaL_checkstring(L, 1))
  const { status, signal } = spawnSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status === 0) lua.lua_pushboolean(L, true)
  else lua.lua_pushnil(L)
  lua.lua_pushstring(L, toLua(signal === null ? 'exit' : 'signal'))
  lua.lua_pushnumber(L, status ?? 1)
  return 3
}

function osTime(L: LuaState): number {
  if (lua.lua_isnoneornil(L, 1)) return pushNumber(L, Math.floor(Date.now() / 1000))
  lauxlib.luaL_checktype(L, 1, lua.LUA_TTABLE)
  const field = (key: string, otherwise?: number): number => {
    const type = lua.lua_getfield(L, 1, toLua(key))
    const value = lua.lua_tonumber(L, -1)
    lua.lua_pop(L, 1)
    if (type === lua.LUA_TNIL && otherwise !== undefined) return otherwise
    if (type === lua.LUA_TNIL || Number.isNaN(value)) return raise(L, `field '${key}' missing in date table`)
    return Math.trunc(value)
  }
  const date = new Date(
    field('year'),
    field('month') - 1,
    field('day'),
    field('hour', 12),
    field('min', 0),
    field('sec', 0),
  )
  return pushNumber(L, Math.floor(date.getTime() / 1000))
}

/** Scripts ask for the same second again and again. */
let lastDate = { format: '', seconds: Number.NaN, bytes: new Uint8Array(0) as Uint8Array }

function osDate(L: LuaState): number {
  const given = lua.lua_isnoneornil(L, 1) ? '%c' : fromLua(lauxlib.luaL_checkstring(L, 1))
  const seconds = lua.lua_isnoneornil(L, 2) ? Math.floor(Date.now() / 1000) : lauxlib.luaL_checkinteger(L, 2)
  if (given !== lastDate.format || seconds !== lastDate.seconds) {
    const utc = given.startsWith('!')
    const format = utc ? given.slice(1) : given
    const date = new Date(seconds * 1000)
    if (Number.isNaN(date.getTime())) return raise(L, 'time result cannot be represented')
    const offsetMinutes = utc ? 0 : -date.getTimezoneOffset()
    // local time, moved by its offset so that the getters for UTC read it
    const shown = new Date(date.getTime() + offsetMinutes * 60_000)
    if (format.startsWith('*t')) return pushDateTable(L, shown)
    lastDate = { format: given, seconds, bytes: toLua(dateText(format, shown, seconds, offsetMinutes)) }
  }
  lua.lua_pushstring(L, lastDate.bytes)
  return 1
}

function pushDateTable(L: LuaState, d: Date): number {
  lua.lua_createtable(L, 0, 0)
  setNumberField(L, 'year', d.getUTCFullYear())
  setNumberField(L, 'month', d.getUTCMonth() + 1)
  setNumberField(L, 'day', d.getUTCDate())
  setNumberField(L, 'hour', d.getUTCHours())
  setNumberField(L, 'min', d.getUTCMinutes())
  setNumberField(L, 'sec', d.getUTCSeconds())
  setNumberField(L, 'wday', d.getUTCDay() + 1)
  setNumberField(L, 'yday', dayOfYear(d) + 1)
  lua.lua_pushboolean(L, false)
  lua.lua_setfield(L, -2, toLua('isdst'))
  return 1
}

function dayOfYear(d: Date): number {
  return Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / DAY_MILLIS)
}

/** Conversions of C's strftime that stand for several others. */
const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  h: '%b',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
}

/** Anything that is not a conversion stays as it is. */
function dateText(format: string, d: Date, seconds: number, offsetMinutes: number): string {
  return format.replace(/%([a-zA-Z%])/g, (whole, letter: string) => {
    const composed = COMPOSED[letter]
    if (composed !== undefined) return dateText(composed, d, seconds, offsetMinutes)
    return dateItem(d, letter, seconds, offsetMinutes) ?? whole
  })
}

function dateItem(d: Date, letter: string, seconds: number, offsetMinutes: number): string | undefined {
  const hour = d.getUTCHours()
  switch (letter) {
    case '%':
      return '%'
    case 'a':
      return DAYS[d.getUTCDay()]!.slice(0, 3)
    case 'A':
      return DAYS[d.getUTCDay()]!
    case 'b':
      return MONTHS[d.getUTCMonth()]!.slice(0, 3)
    case 'B':
      return MONTHS[d.getUTCMonth()]!
    case 'C':
      return two(Math.floor(d.getUTCFullYear() / 100))
    case 'd':
      return two(d.getUTCDate())
    case 'e':
      return String(d.getUTCDate()).padStart(2)
    case 'H':
      return two(hour)
    case 'I':
      return two(((hour + 11) % 12) + 1)
    case 'j':
      return String(dayOfYear(d) + 1).padStart(3, '0')
    case 'm':
      return two(d.getUTCMonth() + 1)
    case 'M':
      return two(d.getUTCMinutes())
    case 'n':
      return '\n'
    case 'p':
      return hour < 12 ? 'AM' : 'PM'
    case 's':
      return String(seconds)
    case 'S':
      return two(d.getUTCSeconds())
    case 't':
      return '\t'
    case 'u':
      return String(d.getUTCDay() || 7)
    case 'U':
      return two(Math.floor((dayOfYear(d) + 7 - d.getUTCDay()) / 7))
    case 'w':
      return String(d.getUTCDay())
    case 'W':
      return two(Math.floor((dayOfYear(d) + 7 - ((d.getUTCDay() + 6) % 7)) / 7))
    case 'y':
      return two(d.getUTCFullYear() % 100)
    case 'Y':
      return String(d.getUTCFullYear())
    case 'z':
    case 'Z':
      return offsetText(offsetMinutes)
    default:
      return undefined
  }
}

function offsetText(minutes: number): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

function two(n: number): string {
  return String(n).padStart(2, '0')
}
