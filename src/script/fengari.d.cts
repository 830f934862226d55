// The parts of fengari that we use: Lua 5.3's C API in JavaScript, with strings as Uint8Array, and of its inside what it
// takes to hand a packet over without a copy more than needed.

export interface LuaState {
  /** The value stack; free from `top` on. */
  readonly stack: TValue[]
  top: number
}
/** Returns how many results it has pushed. Throws only by luaL_error. */
export type LuaFunction = (L: LuaState) => number
export interface TValue {
  readonly type: number
  readonly value: unknown
}
export interface TString {
  readonly realstring: Uint8Array
}
/** Entries by the hash of their key, and in the order in which they came. */
export interface Table {
  readonly strong: Map<unknown, TableEntry>
  f: TableEntry | undefined
  l: TableEntry | undefined
}
export interface TableEntry {
  readonly key: TValue
  readonly value: TValue
  p: TableEntry | undefined
  n: TableEntry | undefined
}

export const lua: {
  readonly LUA_OK: number
  readonly LUA_MASKCOUNT: number
  readonly LUA_REGISTRYINDEX: number
  readonly LUA_TNIL: number
  readonly LUA_TBOOLEAN: number
  readonly LUA_TNUMBER: number
  readonly LUA_TSTRING: number
  readonly LUA_TTABLE: number
  readonly LUA_TFUNCTION: number
  lua_atnativeerror(L: LuaState, handler: LuaFunction): void
  lua_createtable(L: LuaState, arraySize: number, recordSize: number): void
  lua_getfield(L: LuaState, index: number, key: Uint8Array): number
  lua_getglobal(L: LuaState, name: Uint8Array): number
  lua_gettop(L: LuaState): number
  lua_isnoneornil(L: LuaState, index: number): boolean
  lua_load(
    L: LuaState,
    reader: (L: LuaState, data: unknown) => Uint8Array | null,
    data: unknown,
    chunkName: Uint8Array,
    mode: Uint8Array | null,
  ): number
  lua_newuserdata(L: LuaState): object
  lua_pcall(L: LuaState, args: number, results: number, handlerIndex: number): number
  lua_pop(L: LuaState, count: number): void
  lua_pushboolean(L: LuaState, value: boolean): void
  lua_pushcfunction(L: LuaState, f: LuaFunction): void
  lua_pushnil(L: LuaState): void
  lua_pushnumber(L: LuaState, value: number): void
  lua_pushstring(L: LuaState, text: Uint8Array): void
  lua_pushvalue(L: LuaState, index: number): void
  lua_setfield(L: LuaState, index: number, key: Uint8Array): void
  lua_setglobal(L: LuaState, name: Uint8Array): void
  lua_sethook(L: LuaState, hook: ((L: LuaState) => void) | null, mask: number, count: number): void
  lua_settop(L: LuaState, index: number): void
  lua_toboolean(L: LuaState, index: number): boolean
  lua_tonumber(L: LuaState, index: number): number
  lua_topointer(L: LuaState, index: number): unknown
  lua_tostring(L: LuaState, index: number): Uint8Array | null
  lua_touserdata(L: LuaState, index: number): unknown
  lua_type(L: LuaState, index: number): number
}

export const lauxlib: {
  luaL_argcheck(L: LuaState, condition: boolean, argument: number, message: Uint8Array): void
  luaL_argerror(L: LuaState, argument: number, message: Uint8Array): never
  luaL_checkany(L: LuaState, argument: number): void
  luaL_checkinteger(L: LuaState, argument: number): number
  luaL_checknumber(L: LuaState, argument: number): number
  luaL_checkstring(L: LuaState, argument: number): Uint8Array
  luaL_checktype(L: LuaState, argument: number, type: number): void
  luaL_checkudata(L: LuaState, argument: number, typeName: Uint8Array): unknown
  luaL_error(L: LuaState, format: Uint8Array, ...values: unknown[]): never
  luaL_getsubtable(L: LuaState, index: number, name: Uint8Array): boolean
  luaL_newmetatable(L: LuaState, typeName: Uint8Array): boolean
  luaL_newstate(): LuaState
  luaL_optinteger(L: LuaState, argument: number, otherwise: number): number
  luaL_requiref(L: LuaState, name: Uint8Array, open: LuaFunction, asGlobal: boolean): void
  luaL_setmetatable(L: LuaState, typeName: Uint8Array): void
  luaL_testudata(L: LuaState, argument: number, typeName: Uint8Array): unknown
  luaL_tolstring(L: LuaState, index: number): Uint8Array
  luaL_traceback(L: LuaState, of: LuaState, message: Uint8Array | null, level: number): void
  luaL_where(L: LuaState, level: number): void
}

export const lualib: {
  readonly luaopen_base: LuaFunction
  readonly luaopen_coroutine: LuaFunction
  readonly luaopen_math: LuaFunction
  readonly luaopen_package: LuaFunction
  readonly luaopen_string: LuaFunction
  readonly luaopen_table: LuaFunction
  readonly luaopen_utf8: LuaFunction
}

export const lstring: {
  /** Takes the array over: it must not change any more. */
  luaS_bless(L: LuaState, bytes: Uint8Array): TString
  /** What a table knows the string by. */
  luaS_hashlongstr(text: TString): string
}

export const lobject: { readonly TValue: new (type: number, value: unknown) => TValue }

export const constants: { readonly LUA_TLNGSTR: number; readonly LUA_TNUMFLT: number }
