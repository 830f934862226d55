// A script in Lua, with `process(packet)` called as in tcpkit.

import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type LuaState, lauxlib, lua, lualib } from './fengari.cjs'
import { fromLua, openLibrary, raise, toLua } from './lua-api.ts'
import { openBit32 } from './lua-bit32.ts'
import { formatString } from './lua-format.ts'
import { LuaFiles } from './lua-io.ts'
import { openOs } from './lua-os.ts'
import { PacketTables } from './lua-packet.ts'
import {
  type Hook,
  LONGEST_CALL_MILLIS,
  type ScriptEngine,
  ScriptError,
  type ScriptQueue,
  type ScriptWorld,
} from './script-engine.ts'

/** Instructions between two checks of the clock: about 10 ms. */
const INSTRUCTIONS_A_LOOK = 200_000
/** How many levels up we look for a message's place in the script. */
const DEEPEST_LEVEL = 50
/** Positions of both on Lua's stack. */
const HANDLER_INDEX = 1
const PROCESS_INDEX = 2

/** Names of Lua 5.1 and 5.2 that 5.3 does not have, or has elsewhere. */
const OLD_NAMES = `
unpack = unpack or table.unpack
loadstring = loadstring or load
table.getn = function(t) return #t end
table.maxn = function(t)
  local most = 0
  for key in pairs(t) do if type(key) == 'number' and key > most then most = key end end
  return most
end
table.foreach = function(t, f)
  for key, value in pairs(t) do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end
table.foreachi = function(t, f)
  for key, value in ipairs(t) do
    local result = f(key, value)
    if result ~= nil then return result end
  end
end
string.gfind = string.gmatch
math.pow = function(x, y) return x ^ y end
math.mod = math.fmod
math.log10 = function(x) return math.log(x, 10) end
math.cosh = function(x) return (math.exp(x) + math.exp(-x)) / 2 end
math.sinh = function(x) return (math.exp(x) - math.exp(-x)) / 2 end
math.tanh = function(x) local e = math.exp(2 * x) return e == math.huge and 1 or (e - 1) / (e + 1) end
math.ldexp = function(m, e) return m * 2 ^ e end
math.frexp = function(x)
  if x == 0 or x ~= x or x == math.huge or x == -math.huge then return x, 0 end
  local e = math.floor(math.log(math.abs(x), 2)) + 1
  local m = x / 2 ^ e
  if math.abs(m) >= 1 then m, e = m / 2, e + 1 elseif math.abs(m) < 0.5 then m, e = m * 2, e - 1 end
  return m, e
end
`

/** Loads a script and runs it once. Throws ScriptError, and what node:fs throws. */
export function loadLuaScript(path: string, world: ScriptWorld): ScriptEngine {
  return new LuaScript(path, readFileSync(path), world)
}

class LuaScript implements ScriptEngine {
  readonly hooks: ReadonlySet<Hook> = new Set<Hook>(['onPacket'])
  readonly saturated = false
  readonly #name: string
  readonly #world: ScriptWorld
  readonly #L: LuaState
  readonly #files: LuaFiles
  readonly #packets: PacketTables
  /** Number of calls so far. The hook uses it to see whether the call that it saw last is still running. */
  #calls = 0
  #callSeen = 0
  #seenAt = 0
  /** Why no further instruction may run; the script cannot catch it. */
  #ending: string | undefined
  #exited = false

  constructor(path: string, source: Buffer, world: ScriptWorld) {
    this.#name = basename(path)
    this.#world = world
    this.#files = new LuaFiles(world.print, world.printError)
    this.#L = lauxlib.luaL_newstate()
    this.#openLibraries(dirname(path))
    this.#packets = new PacketTables(this.#L)
    this.#load(source)
  }

  run(queue: ScriptQueue, millis: number): void {
    const until = performance.now() + millis
    while (!this.#exited) {
      const event = queue.shift()
      if (event === undefined) return
      if (event.hook !== 'onPacket') continue
      lua.lua_pushvalue(this.#L, PROCESS_INDEX)
      this.#packets.push(event.packet)
      this.#protected(1)
      if (performance.now() > until) return
    }
    queue.clear()
  }

  settle(): Promise<void> {
    return Promise.resolve()
  }

  flush(): void {
    this.#writingFiles(() => this.#files.flush())
  }

  end(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    this.#writingFiles(() => this.#files.closeAll())
  }

  #writingFiles(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#world.fail(new ScriptError(`${this.#name}: ${(error as Error).message}`))
    }
  }

  /** Leaves `process` on the stack, and below it the handler of error messages. */
  #load(source: Buffer): void {
    const L = this.#L
    lua.lua_pushcfunction(L, (L) => this.#explain(L))
    if (!load(L, withoutFirstLine(source), `@${this.#name}`)) {
      throw new ScriptError(fromLua(lua.lua_tostring(L, -1)))
    }
    this.#protected(0)
    if (this.#exited) return
    if (lua.lua_getglobal(L, toLua('process')) !== lua.LUA_TFUNCTION) {
      throw new ScriptError(`${this.#name}: there is no function process(packet) in it`)
    }
  }

  #protected(args: number): void {
    const L = this.#L
    this.#calls++
    const status = lua.lua_pcall(L, args, 0, HANDLER_INDEX)
    if (status === lua.LUA_OK || this.#exited) return
    const message = fromLua(lua.lua_tostring(L, -1))
    throw new ScriptError(this.#ending ?? (message === '' ? `${this.#name}: failed` : message))
  }

  /** Message handler: adds the place in the script to a message that does not name one. */
  #explain(L: LuaState): number {
    const message = fromLua(lauxlib.luaL_tolstring(L, 1)).split('\n')[0]!
    const hasPlace = message.startsWith(`${this.#name}:`) || /^[^\s:]+:\d+: /.test(message)
    const where = hasPlace ? '' : this.#place(L)
    lua.lua_pushstring(L, toLua(hasPlace ? message : `${where}${message}`))
    return 1
  }

  /** `slow.lua:12: ` for the innermost function that is written in Lua. */
  #place(L: LuaState): string {
    for (let level = 0; level < DEEPEST_LEVEL; level++) {
      lauxlib.luaL_where(L, level)
      const where = fromLua(lua.lua_tostring(L, -1))
      lua.lua_pop(L, 1)
      if (where !== '') return where
    }
    return `${this.#name}: `
  }

  #openLibraries(folder: string): void {
    const L = this.#L
    for (const [name, open] of [
      ['_G', lualib.luaopen_base],
      ['package', lualib.luaopen_package],
      ['coroutine', lualib.luaopen_coroutine],
      ['table', lualib.luaopen_table],
      ['string', lualib.luaopen_string],
      ['math', lualib.luaopen_math],
      ['utf8', lualib.luaopen_utf8],
    ] as const) {
      lauxlib.luaL_requiref(L, toLua(name), open, true)
      lua.lua_pop(L, 1)
    }
    lua.lua_getglobal(L, toLua('string'))
    lua.lua_pushcfunction(L, formatString)
    lua.lua_setfield(L, -2, toLua('format'))
    lua.lua_pop(L, 1)
    openBit32(L)
    openOs(L, (L, status) => this.#exit(L, status))
    this.#files.openLibrary(L)
    openLibrary(L, 'debug', { traceback })
    lua.lua_atnativeerror(L, nativeError)
    lua.lua_sethook(L, (L) => this.#look(L), lua.LUA_MASKCOUNT, INSTRUCTIONS_A_LOOK)
    this.#prepare(folder)
    lua.lua_settop(L, 0)
  }

  #prepare(folder: string): void {
    const L = this.#L
    const loaded = load(L, toLua(`${OLD_NAMES}\npackage.path = (...) .. package.path`), '=old names')
    if (loaded) lua.lua_pushstring(L, toLua(`${folder}/?.lua;`))
    if (!loaded || lua.lua_pcall(L, 1, 0, 0) !== lua.LUA_OK) throw new Error(fromLua(lua.lua_tostring(L, -1)))
  }

  /** Called by the interpreter from time to time. */
  #look(L: LuaState): void {
    if (this.#ending !== undefined) raise(L, this.#ending)
    const now = performance.now()
    if (this.#callSeen !== this.#calls) {
      this.#callSeen = this.#calls
      this.#seenAt = now
    } else if (now - this.#seenAt > LONGEST_CALL_MILLIS) {
      this.#endScript(L, `${this.#place(L)}did not return within ${LONGEST_CALL_MILLIS / 1000} s`)
    }
  }

  #exit(L: LuaState, status: number): never {
    this.#exited = true
    this.#world.stop(status)
    return this.#endScript(L, 'os.exit')
  }

  /** An error that is raised again after each instruction, so that no pcall of the script survives it. */
  #endScript(L: LuaState, why: string): never {
    this.#ending = why
    for (const state of new Set([L, this.#L])) {
      lua.lua_sethook(state, (L) => this.#look(L), lua.LUA_MASKCOUNT, 1)
    }
    return raise(L, why)
  }
}

/** Pushes the chunk as a function; or pushes a message and returns false. */
function load(L: LuaState, source: Uint8Array, name: string): boolean {
  let rest: Uint8Array | null = source
  const reader = (): Uint8Array | null => {
    const piece = rest
    rest = null
    return piece
  }
  return lua.lua_load(L, reader, null, toLua(name), toLua('t')) === lua.LUA_OK
}

/** Turns a first line `#!/usr/bin/env …` into a comment, and removes a byte order mark. */
function withoutFirstLine(source: Buffer): Uint8Array {
  const start = source[0] === 0xef && source[1] === 0xbb && source[2] === 0xbf ? 3 : 0
  const text = new Uint8Array(source.subarray(start))
  return text[0] === 35 ? Buffer.concat([Buffer.from('--'), text]) : text
}

function traceback(L: LuaState): number {
  const message = lua.lua_isnoneornil(L, 1) ? null : lua.lua_tostring(L, 1)
  lauxlib.luaL_traceback(L, L, message, 1)
  return 1
}

/** Errors of the interpreter itself: a recursion without end, a string that is too long. */
function nativeError(L: LuaState): number {
  const error = lua.lua_touserdata(L, 1)
  const recursion = error instanceof RangeError && /call stack/.test(error.message)
  const message = recursion ? 'stack overflow' : error instanceof Error ? error.message : String(error)
  lua.lua_pushstring(L, toLua(message))
  return 1
}
