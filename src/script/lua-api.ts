// The few steps that all our Lua libraries need.

import { type LuaFunction, type LuaState, lauxlib, lua } from './fengari.cjs'

/** Text → bytes for Lua. A copy, because Lua keeps the array. */
export function toLua(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

/** Lua's bytes → text for a message; what is not UTF-8 becomes U+FFFD. */
export function fromLua(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

/** Makes a table of functions that is the global `name` and can be required by it. */
export function openLibrary(L: LuaState, name: string, functions: Readonly<Record<string, LuaFunction>>): void {
  lua.lua_createtable(L, 0, 0)
  for (const [key, f] of Object.entries(functions)) {
    lua.lua_pushcfunction(L, f)
    lua.lua_setfield(L, -2, toLua(key))
  }
  lauxlib.luaL_getsubtable(L, lua.LUA_REGISTRYINDEX, toLua('_LOADED'))
  lua.lua_pushvalue(L, -2)
  lua.lua_setfield(L, -2, toLua(name))
  lua.lua_pop(L, 1)
  lua.lua_setglobal(L, toLua(name))
}

/** `nil, "NAME: reason", number`: how the io and os libraries say that something failed. */
export function pushFailure(L: LuaState, error: unknown, name = ''): number {
  const { code, errno, message } = error as NodeJS.ErrnoException
  const reason = ERROR_WORDS[code ?? ''] ?? message
  lua.lua_pushnil(L)
  lua.lua_pushstring(L, toLua(name === '' ? reason : `${name}: ${reason}`))
  lua.lua_pushnumber(L, Math.abs(errno ?? 0))
  return 3
}

const ERROR_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  EPERM: 'Operation not permitted',
}

/** Puts a Lua number into a table on top of the stack. */
export function setNumberField(L: LuaState, key: string, value: number): void {
  lua.lua_pushnumber(L, value)
  lua.lua_setfield(L, -2, toLua(key))
}

/** Throws a Lua error that tells the place in the script. */
export function raise(L: LuaState, message: string): never {
  return lauxlib.luaL_error(L, toLua('%s'), toLua(message))
}
