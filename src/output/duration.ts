// Spans of time for people.

/** `340 µs`, `12.3 ms`, `4.56 s`, `2 min 5 s`, `3 h 12 min`. Negative spans (clocks that went back) count as 0. */
export function formatDuration(micros: number): string {
  const span = Math.max(0, micros)
  if (span < 1000) return `${Math.round(span)} µs`
  if (span < 1e6) return `${threeDigits(span / 1e3)} ms`
  if (span < 60e6) return `${threeDigits(span / 1e6)} s`
  const seconds = Math.round(span / 1e6)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

function threeDigits(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)
}
