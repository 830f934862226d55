// Numbers, sizes and durations as people type them.

import { UsageError } from '../core/errors.ts'

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const MILLIS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Bytes: `4096`, `64k`, `1.5M`, `2GiB` (powers of 1024, upper or lower case). `flag` is named in the error. */
export function parseSize(text: string, flag: string, minimum = 0): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null)
    throw new UsageError(`${flag}: ${quote(text)} is not a size`, 'give bytes, or a number with k, M or G: 64k')
  return atLeast(Math.round(Number(match[1]) * SIZE_UNITS[match[2]!.toLowerCase()]!), minimum, text, flag)
}

/** Milliseconds: `10ms`, `1.5s`, `5m`, `1h`, `7d`; a bare number counts `bareUnit`s. */
export function parseDurationMillis(text: string, flag: string, bareUnit: 'ms' | 's', minimum = 0): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|m|h|d)?$/.exec(text)
  if (match === null)
    throw new UsageError(`${flag}: ${quote(text)} is not a time`, 'for example 250ms, 30s, 5m, 1h or 7d')
  return atLeast(Math.round(Number(match[1]) * MILLIS[match[2] ?? bareUnit]!), minimum, text, flag)
}

/** A whole number. */
export function parseCount(text: string, flag: string, minimum = 0): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`${flag}: ${quote(text)} is not a whole number`)
  return atLeast(Number(text), minimum, text, flag)
}

/** One of a few words. */
export function parseChoice<T extends string>(text: string, flag: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw new UsageError(`${flag}: ${quote(text)} is not one of ${choices.join(', ')}`)
  return found
}

/** `refused,reset`: at least one word. */
export function parseWords(text: string, flag: string): string[] {
  const words = text.split(',').map((word) => word.trim())
  if (words.some((word) => word === '')) throw new UsageError(`${flag}: ${quote(text)} is not a list of words`)
  return words
}

/** A user's own word in a message, in quotes, so that an empty or odd one can be seen. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

function atLeast(value: number, minimum: number, text: string, flag: string): number {
  if (!Number.isSafeInteger(value)) throw new UsageError(`${flag}: ${quote(text)} is too large`)
  if (value < minimum) throw new UsageError(`${flag}: ${quote(text)} is too small, the minimum is ${minimum}`)
  return value
}
