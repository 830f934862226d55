// Picks flags that several commands share.

import type { Flag } from '../flag.ts'

/** In the table's order, not in that of `names`. */
export function named(flags: readonly Flag[], ...names: readonly string[]): Flag[] {
  return flags.filter((flag) => names.includes(flag.name))
}
