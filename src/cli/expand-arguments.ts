// Rewrites the command line as users of getopt type it (-cJ, -Fk, -b100, -0, --color never) into forms that yargs reads
// in only one way: `--key`, `--key="value"`, and words. By itself yargs takes `-0` for a number and `-Fk` for two
// flags.

import { editDistance } from '../core/edit-distance.ts'
import { UsageError } from '../core/errors.ts'
import { type Flag, flagKey } from './flag.ts'
import { FLAGS, findLongFlag, findShortFlag } from './flags.ts'

/** Words keep their places; after `--` everything is a word. Throws UsageError. */
export function expandArguments(argv: readonly string[], flags: readonly Flag[] = FLAGS): string[] {
  const expanded: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!
    if (argument === '--') {
      expanded.push(...argv.slice(i))
      break
    }
    const next = argv[i + 1]
    let tookNext = false
    if (argument.startsWith('--')) tookNext = expandLong(argument, next, expanded, flags)
    else if (argument.startsWith('-') && argument !== '-') tookNext = expandShort(argument, next, expanded, flags)
    else expanded.push(argument)
    if (tookNext) i++
  }
  return expanded
}

/** `--name`, `--name=value`, `--name value`. True when the next argument was its value. */
function expandLong(argument: string, next: string | undefined, expanded: string[], flags: readonly Flag[]): boolean {
  const equals = argument.indexOf('=')
  const name = equals < 0 ? argument.slice(2) : argument.slice(2, equals)
  const flag = findLongFlag(name, flags)
  if (flag === undefined) throw unknownLongFlag(name, flags)
  if (equals < 0) return expandFlag(flag, `--${name}`, next, expanded)
  if (flag.argument === undefined) throw new UsageError(`--${name} takes no value`)
  expanded.push(joined(flag, argument.slice(equals + 1)))
  return false
}

/** `-c`, `-cJ`, `-b100`, `-b 100`, `-cb100`, and `-b=100`, where getopt would read the value "=100". */
function expandShort(argument: string, next: string | undefined, expanded: string[], flags: readonly Flag[]): boolean {
  if (findLongFlag(argument.slice(1), flags) !== undefined && argument.length > 2) {
    throw new UsageError(`${argument}: long flags have two dashes`, `did you mean -${argument}?`)
  }
  for (let at = 1; at < argument.length; at++) {
    const letter = argument[at]!
    const flag = findShortFlag(letter, flags)
    if (flag === undefined) throw unknownShortFlag(letter, argument, flags)
    const rest = argument.slice(at + 1)
    if (flag.argument !== undefined && rest !== '') {
      expanded.push(joined(flag, rest.startsWith('=') ? rest.slice(1) : rest))
      return false
    }
    if (expandFlag(flag, `-${letter}`, next, expanded)) return true
  }
  return false
}

/** A flag whose value, if it takes one, is the next argument. True when it took that argument. */
function expandFlag(flag: Flag, typed: string, next: string | undefined, expanded: string[]): boolean {
  const { argument } = flag
  if (argument === undefined) {
    expanded.push(`--${flagKey(flag)}`)
    return false
  }
  if (argument.whenLeftOut !== undefined) {
    const isValue =
      next !== undefined && (argument.choices?.includes(next) === true || argument.pattern?.test(next) === true)
    expanded.push(joined(flag, isValue ? next : argument.whenLeftOut))
    return isValue
  }
  if (next === undefined) throw new UsageError(`${typed} needs a value: ${typed} ${argument.label}`)
  expanded.push(joined(flag, next))
  return true
}

/**
 * yargs takes one pair of quotes off every value, so each value is given a pair. Without it an empty value would be
 * lost.
 */
function joined(flag: Flag, value: string): string {
  return `--${flagKey(flag)}="${value}"`
}

function unknownLongFlag(name: string, flags: readonly Flag[]): UsageError {
  const names = flags.map((flag) => flag.name).filter((known) => known !== '')
  const close = closestFlag(name, names)
  return new UsageError(`unknown flag --${name}`, close === undefined ? undefined : `did you mean --${close}?`)
}

/** The flag that was probably meant, if there is one: a beginning of it, one that begins so, or a typing mistake. */
function closestFlag(name: string, names: readonly string[]): string | undefined {
  if (name === '') return undefined
  const completed = names.filter((known) => known.startsWith(name))
  if (completed.length === 1) return completed[0]
  const ranked = names
    .map((known) => ({ known, distance: editDistance(name.toLowerCase(), known) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  if (best !== undefined && best.distance <= allowedSlips(name)) return best.known
  return completed[0] ?? names.find((known) => known.length > 2 && name.includes(known))
}

/**
 * How many mistakes may be in a word: two in one of four letters, where neighbours change places easily; a third of a
 * longer one.
 */
function allowedSlips(name: string): number {
  return name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))
}

function unknownShortFlag(letter: string, argument: string, flags: readonly Flag[]): UsageError {
  const what = argument.length === 2 ? `unknown flag -${letter}` : `unknown flag -${letter} in ${argument}`
  const otherCase = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
  if (otherCase !== letter && findShortFlag(otherCase, flags) !== undefined) {
    return new UsageError(what, `did you mean -${otherCase}?`)
  }
  if (/\d/.test(letter)) return new UsageError(what, 'a filter that begins with a dash goes after --')
  const long = closestFlag(
    argument.slice(1),
    flags.map((flag) => flag.name).filter((known) => known !== ''),
  )
  return new UsageError(what, long === undefined || argument.length < 4 ? undefined : `did you mean --${long}?`)
}
