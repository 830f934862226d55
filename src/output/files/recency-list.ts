// Finds what was used longest ago: a doubly linked list through its own members, so that moving one allocates nothing.

export interface ListedByRecency<T> {
  newer: T | null
  older: T | null
}

export class RecencyList<T extends ListedByRecency<T>> {
  newest: T | null = null
  oldest: T | null = null

  /** Puts one in front that is not in the list. */
  add(member: T): void {
    member.older = this.newest
    member.newer = null
    if (this.newest !== null) this.newest.newer = member
    else this.oldest = member
    this.newest = member
  }

  /** Takes out one that is in the list. */
  remove(member: T): void {
    if (member.newer !== null) member.newer.older = member.older
    else this.newest = member.older
    if (member.older !== null) member.older.newer = member.newer
    else this.oldest = member.newer
    member.newer = null
    member.older = null
  }

  /** The member is used now. */
  touch(member: T): void {
    if (member === this.newest) return
    this.remove(member)
    this.add(member)
  }
}
