// Lua 5.2's bit32 library (its manual, 6.7): bit operations on numbers modulo 2^32.

import { type LuaFunction, type LuaState, lauxlib, lua } from './fengari.cjs'
import { openLibrary, toLua } from './lua-api.ts'

const BITS = 32

export function openBit32(L: LuaState): void {
  openLibrary(L, 'bit32', {
    band: folding(-1, (a, b) => a & b),
    bor: folding(0, (a, b) => a | b),
    bxor: folding(0, (a, b) => a ^ b),
    btest,
    bnot: (L) => push(L, ~word(L, 1)),
    lshift: (L) => push(L, shiftLeft(word(L, 1), displacement(L))),
    rshift: (L) => push(L, shiftLeft(word(L, 1), -displacement(L))),
    arshift: (L) => push(L, shiftArithmetically(word(L, 1), displacement(L))),
    lrotate: (L) => push(L, rotateLeft(word(L, 1), displacement(L))),
    rrotate: (L) => push(L, rotateLeft(word(L, 1), -displacement(L))),
    extract,
    replace,
  })
}

function word(L: LuaState, argument: number): number {
  return lauxlib.luaL_checkinteger(L, argument) | 0
}

function displacement(L: LuaState): number {
  return lauxlib.luaL_checkinteger(L, 2)
}

function push(L: LuaState, bits: number): number {
  lua.lua_pushnumber(L, bits >>> 0)
  return 1
}

function folding(start: number, combine: (a: number, b: number) => number): LuaFunction {
  return (L) => push(L, fold(L, start, combine))
}

function fold(L: LuaState, start: number, combine: (a: number, b: number) => number): number {
  let bits = start
  for (let i = lua.lua_gettop(L); i > 0; i--) bits = combine(bits, word(L, i))
  return bits
}

function btest(L: LuaState): number {
  lua.lua_pushboolean(L, fold(L, -1, (a, b) => a & b) !== 0)
  return 1
}

/** A negative displacement shifts to the right, without sign. */
function shiftLeft(bits: number, by: number): number {
  if (by <= -BITS || by >= BITS) return 0
  return by >= 0 ? bits << by : bits >>> -by
}

function shiftArithmetically(bits: number, by: number): number {
  return by < 0 ? shiftLeft(bits, -by) : bits >> Math.min(by, BITS - 1)
}

function rotateLeft(bits: number, by: number): number {
  const places = by & (BITS - 1)
  return places === 0 ? bits : (bits << places) | (bits >>> (BITS - places))
}

/** The bits of a field that is `width` bits wide, at the right end. */
function fieldMask(L: LuaState, fieldArgument: number): { readonly mask: number; readonly field: number } {
  const field = lauxlib.luaL_checkinteger(L, fieldArgument)
  const width = lauxlib.luaL_optinteger(L, fieldArgument + 1, 1)
  lauxlib.luaL_argcheck(L, field >= 0, fieldArgument, toLua('field cannot be negative'))
  lauxlib.luaL_argcheck(L, width > 0, fieldArgument + 1, toLua('width must be positive'))
  lauxlib.luaL_argcheck(L, field + width <= BITS, fieldArgument, toLua('trying to access non-existent bits'))
  return { mask: width === BITS ? -1 : (1 << width) - 1, field }
}

function extract(L: LuaState): number {
  const bits = word(L, 1)
  const { mask, field } = fieldMask(L, 2)
  return push(L, (bits >>> field) & mask)
}

function replace(L: LuaState): number {
  const bits = word(L, 1)
  const value = word(L, 2)
  const { mask, field } = fieldMask(L, 3)
  return push(L, (bits & ~(mask << field)) | ((value & mask) << field))
}
