// The order of views: that of the registry, except that a view comes before those that it names.

import type { View } from './view.ts'

/** The same views in order. Throws if two want to be before each other: that is a mistake in the views. */
export function inOrder(views: readonly View[]): View[] {
  const ordered: View[] = []
  const waiting = [...views]
  while (waiting.length > 0) {
    const next = waiting.findIndex((view) => !waiting.some((other) => other.before?.includes(view.name)))
    if (next < 0) throw new Error(`views that wait for each other: ${waiting.map(({ name }) => name).join(', ')}`)
    ordered.push(...waiting.splice(next, 1))
  }
  return ordered
}
