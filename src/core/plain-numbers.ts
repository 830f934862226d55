// Numbers as people read them in lines: grouped digits, sizes, durations.

/** `1,234,567`. */
export function grouped(n: number): string {
  return n.toString().replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 packet`, `2 packets`, `1,024 packets`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`
}

const SIZE_UNITS: readonly string[] = ['kB', 'MB', 'GB', 'TB', 'PB']

/** `812 bytes`, `43.1 kB`, `697.0 MB`: powers of 1000. */
export function byteSize(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'byte')
  let size = bytes / 1000
  let unit = 0
  while (size >= 999.95 && unit < SIZE_UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return `${size.toFixed(1)} ${SIZE_UNITS[unit]}`
}

/** `85 µs`, `3.2 ms`, `7.1 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(micros: number): string {
  if (micros < 1000) return `${Math.max(0, Math.round(micros))} µs`
  if (micros < 999_950) return `${(micros / 1000).toFixed(1)} ms`
  const seconds = micros / 1e6
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
