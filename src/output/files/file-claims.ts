// Gives a new file its name: the flow's name, with the next free counter if an earlier run left a file of that name.

import type { Connection, Direction } from '../../core/connection.ts'
import { OperatorError } from '../../core/errors.ts'
import { type FlowNamer, nameWithCounter } from '../names/flow-name.ts'
import type { OutputFolder } from './file-folder.ts'

/** The number of names for which the last used counter is remembered, so that a new file need not try all counters. */
const MAXIMUM_HINTS = 65_536
const MAXIMUM_TRIES = 1_000_000

export class FileClaims {
  readonly #folder: OutputFolder
  readonly #namer: FlowNamer
  readonly #hints = new Map<string, number>()
  /** The name of the file that `create` made last. */
  name = ''

  constructor(folder: OutputFolder, namer: FlowNamer) {
    this.#folder = folder
    this.#namer = namer
  }

  /**
   * Makes a file for the flow and returns its descriptor; then `name` tells what it is called. Throws the same as
   * OutputFolder.create.
   */
  create(c: Connection, d: Direction, suffix: string): number {
    const first = this.#namer.name(c, d, 0) + suffix
    return this.#create(first, this.#namer.firstCounter(c), (counter) => this.#namer.name(c, d, counter) + suffix)
  }

  /** The same for a flow of which only the name is left, made by `nameWithCounter`. */
  createNamed(first: string, counter: number): number {
    return this.#create(first, counter, (next) => nameWithCounter(first, next))
  }

  #create(first: string, least: number, nameOf: (counter: number) => string): number {
    const hint = this.#hints.get(first)
    let counter = Math.max(hint ?? 0, least)
    for (let tries = 0; tries < MAXIMUM_TRIES; tries++, counter++) {
      this.name = counter === 0 ? first : nameOf(counter)
      const descriptor = this.#folder.create(this.name)
      if (descriptor >= 0) {
        if (tries > 0 || hint !== undefined) this.#remember(first, counter + 1)
        return descriptor
      }
    }
    throw new OperatorError(
      `there are too many files called ${this.#folder.pathOf(first)}`,
      'choose an empty folder with -o',
    )
  }

  #remember(name: string, next: number): void {
    if (this.#hints.size >= MAXIMUM_HINTS) this.#hints.clear()
    this.#hints.set(name, next)
  }
}
