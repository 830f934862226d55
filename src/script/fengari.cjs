// fengari, a Lua 5.3 with integers of 32 bits, made to count as Lua 5.1 and 5.2 do: every number is a double, so that
// `tv_sec * 1000000` and sequence numbers stay what they are. CommonJS, because each of its modules has to be changed before
// the next one is loaded and takes its functions over. Made for the version in package.json; test/script tells if it fits.

const defs = require('fengari/src/defs.js')
// Its copy by iterator costs more than all else that is done to a packet.
defs.luastring_from = (bytes) => new Uint8Array(bytes)

const luaconf = require('fengari/src/luaconf.js')
// `print(3.0)` is 3, as it was.
luaconf.LUA_COMPAT_FLOATSTRING = true
luaconf.lua_number2str = numberText
// A recursion without end is noticed in half a second.
luaconf.LUAI_MAXSTACK = 200_000

const lstring = require('fengari/src/lstring.js')
// In the original, keys of tables are in hexadecimal without leading zeros: "\1\35" and "\18\3" would be one.
lstring.luaS_hash = ({ buffer, byteOffset, length }) => `|${Buffer.from(buffer, byteOffset, length).toString('latin1')}`
lstring.luaS_hashlongstr = (text) => {
  text.hash ??= lstring.luaS_hash(text.realstring)
  return text.hash
}

const lapi = require('fengari/src/lapi.js')
lapi.lua_pushinteger = lapi.lua_pushnumber

const lobject = require('fengari/src/lobject.js')
const textToNumber = lobject.luaO_str2num
lobject.luaO_str2num = (text, into) => {
  const used = textToNumber(text, into)
  if (used > 0 && into.ttisinteger()) into.setfltvalue(hexadecimal(text) ?? into.value)
  return used
}

const lauxlib = require('fengari/src/lauxlib.js')
const { luaL_checknumber } = lauxlib
lauxlib.luaL_checkinteger = checkInteger
lauxlib.luaL_optinteger = (L, argument, otherwise) =>
  lapi.lua_type(L, argument) <= 0 ? otherwise : checkInteger(L, argument)

/** Fractions are cut off where 5.3 refuses them. */
function checkInteger(L, argument) {
  const value = luaL_checknumber(L, argument)
  return Number.isNaN(value) ? 0 : Math.trunc(value)
}

/** Hexadecimal numerals would have wrapped at 32 bits. */
function hexadecimal(text) {
  const match = /^\s*([-+]?)(0[xX][0-9a-fA-F]+)/.exec(Buffer.from(text).toString('latin1'))
  if (match === null) return undefined
  return match[1] === '-' ? -Number(match[2]) : Number(match[2])
}

/** C's `%.14g`. */
function numberText(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e14) return Object.is(value, -0) ? '-0' : String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const [digits, exponent] = value.toExponential(13).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 14) return value.toFixed(13 - power).replace(/\.?0+$/, '')
  const size = String(Math.abs(power)).padStart(2, '0')
  return `${digits.replace(/\.?0+$/, '')}e${power < 0 ? '-' : '+'}${size}`
}

exports.constants = defs.constant_types
exports.lauxlib = lauxlib
exports.lobject = lobject
exports.lstring = lstring
exports.lua = require('fengari/src/lua.js')
exports.lualib = require('fengari/src/lualib.js')
