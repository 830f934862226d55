// A place is a network namespace: within it an address means one host. 127.0.0.1 in two containers is two hosts, so connections
// and fragments belong to a place. Place 0 is the capturing host, and the default when a savefile does not say.

/** Bounded, because every place costs memory and a savefile may name any number of them. */
const MAXIMUM_PLACES = 65_536

/** Place names ↔ small numbers, for one run: a live capture and a replay of it agree, because savefiles keep the names. */
export class PlaceTable {
  readonly #numbers = new Map<string, number>([['', 0]])
  readonly #names = ['']

  /** The same number for the same name; '' is 0, and so is every name that comes after 65,535 others. */
  numberOf(name: string): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      if (this.#names.length >= MAXIMUM_PLACES) return 0
      number = this.#names.length
      this.#numbers.set(name, number)
      this.#names.push(name)
    }
    return number
  }

  nameOf(place: number): string {
    return this.#names[place] ?? ''
  }
}
