// string.format as in Lua 5.1: %d and its like take any number and cut off fractions, and strings are always bytes.

import { type LuaState, lauxlib, lua } from './fengari.cjs'
import { fromLua, raise, toLua } from './lua-api.ts'

const PERCENT = 37
const SPECIFICATION = /^([-+ #0]*)(\d{0,2})(?:\.(\d{0,2}))?([a-zA-Z])/
const LONGEST_SPECIFICATION = 12
/** From this value on, JavaScript prints doubles with an exponent. */
const LARGEST_PLAIN = 1e21

interface Specification {
  readonly left: boolean
  readonly zeros: boolean
  readonly alternative: boolean
  /** `+` or a space, in front of numbers that are not negative. */
  readonly plus: string
  readonly width: number
  /** -1 if there is none. */
  readonly precision: number
}

export function formatString(L: LuaState): number {
  const format = lauxlib.luaL_checkstring(L, 1)
  const top = lua.lua_gettop(L)
  const parts: Uint8Array[] = []
  let argument = 1
  let from = 0
  for (;;) {
    const at = format.indexOf(PERCENT, from)
    parts.push(format.subarray(from, at < 0 ? format.length : at))
    if (at < 0) break
    if (format[at + 1] === PERCENT) {
      parts.push(format.subarray(at, at + 1))
      from = at + 2
      continue
    }
    const text = fromLua(format.subarray(at + 1, at + 1 + LONGEST_SPECIFICATION))
    const match = SPECIFICATION.exec(text)
    if (match === null) return raise(L, `invalid option '%${text.slice(0, 1)}' to 'format'`)
    if (++argument > top) return lauxlib.luaL_argerror(L, argument, toLua('no value'))
    parts.push(formatItem(L, argument, specification(match), match[4]!))
    from = at + 1 + match[0].length
  }
  lua.lua_pushstring(L, Buffer.concat(parts))
  return 1
}

function specification([, flags = '', width = '', precision]: RegExpExecArray): Specification {
  return {
    left: flags.includes('-'),
    zeros: flags.includes('0'),
    alternative: flags.includes('#'),
    plus: flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '',
    width: Number(width),
    precision: precision === undefined ? -1 : Number(precision),
  }
}

function formatItem(L: LuaState, argument: number, s: Specification, conversion: string): Uint8Array {
  switch (conversion) {
    case 'd':
    case 'i':
      return toLua(formatInteger(lauxlib.luaL_checkinteger(L, argument), s))
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return toLua(formatUnsigned(lauxlib.luaL_checkinteger(L, argument), s, conversion))
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return toLua(formatFloat(lauxlib.luaL_checknumber(L, argument), s, conversion))
    case 'c':
      return padBytes(Uint8Array.of(lauxlib.luaL_checkinteger(L, argument) & 255), s)
    case 's':
      return formatText(L, argument, s)
    case 'q':
      return quoted(L, argument)
    default:
      return raise(L, `invalid option '%${conversion}' to 'format'`)
  }
}

function formatInteger(value: number, s: Specification): string {
  return padNumber(value < 0 ? '-' : s.plus, integerDigits(Math.abs(value), 10, s), s, s.precision < 0)
}

/** Negative numbers are shown modulo 2^64, as in C. */
function formatUnsigned(value: number, s: Specification, conversion: string): string {
  const base = conversion === 'u' ? 10 : conversion === 'o' ? 8 : 16
  const digits = integerDigits(value, base, s)
  const sign = s.alternative && value !== 0 && base !== 10 ? (base === 8 ? '0' : '0x') : ''
  const text = padNumber(sign, digits, s, s.precision < 0)
  return conversion === 'X' ? text.toUpperCase() : text
}

function integerDigits(value: number, base: number, s: Specification): string {
  if (!Number.isFinite(value)) return '0'
  const plain = value >= 0 && value < LARGEST_PLAIN
  const digits = plain ? value.toString(base) : BigInt.asUintN(64, BigInt(value)).toString(base)
  return digits.padStart(s.precision, '0')
}

function formatFloat(value: number, s: Specification, conversion: string): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : s.plus
  const magnitude = Math.abs(value)
  const precision = s.precision < 0 ? 6 : s.precision
  let digits: string
  if (!Number.isFinite(value)) digits = Number.isNaN(value) ? 'nan' : 'inf'
  else if (conversion === 'f' || conversion === 'F') digits = fixed(magnitude, precision)
  else if (conversion === 'e' || conversion === 'E') digits = exponential(magnitude, precision)
  else digits = general(magnitude, precision === 0 ? 1 : precision, s.alternative)
  const text = padNumber(sign, digits, s, Number.isFinite(value))
  return conversion < 'a' ? text.toUpperCase() : text
}

function fixed(value: number, precision: number): string {
  if (value < LARGEST_PLAIN) return value.toFixed(precision)
  return BigInt(value).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
}

function exponential(value: number, precision: number): string {
  return value.toExponential(precision).replace(/e([-+])(\d)$/, 'e$10$2')
}

/** C's %g: fixed or exponential, whichever suits the size, without trailing zeros. */
function general(value: number, digits: number, keepZeros: boolean): string {
  const power = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1])
  const text = power < -4 || power >= digits ? exponential(value, digits - 1) : value.toFixed(digits - 1 - power)
  return keepZeros ? text : text.replace(/(\.\d*?)0+(e|$)/, '$1$2').replace(/\.(e|$)/, '$1')
}

function padNumber(sign: string, digits: string, s: Specification, zerosAllowed: boolean): string {
  const room = s.width - sign.length
  if (s.left) return (sign + digits).padEnd(s.width)
  return s.zeros && zerosAllowed ? sign + digits.padStart(room, '0') : (sign + digits).padStart(s.width)
}

function formatText(L: LuaState, argument: number, s: Specification): Uint8Array {
  const text = lauxlib.luaL_tolstring(L, argument)
  lua.lua_pop(L, 1)
  return padBytes(s.precision < 0 ? text : text.subarray(0, s.precision), s)
}

function padBytes(bytes: Uint8Array, s: Specification): Uint8Array {
  if (bytes.length >= s.width) return bytes
  const padding = Buffer.alloc(s.width - bytes.length, ' ')
  return Buffer.concat(s.left ? [bytes, padding] : [padding, bytes])
}

/** A string in the form of Lua source. */
function quoted(L: LuaState, argument: number): Uint8Array {
  const text = lauxlib.luaL_checkstring(L, argument)
  const escaped = Buffer.from(text)
    .toString('latin1')
    .replace(/["\\\n]/g, '\\$&')
    .replace(/\r/g, '\\r')
    .replace(/\0/g, '\\000')
  return Buffer.from(`"${escaped}"`, 'latin1')
}
