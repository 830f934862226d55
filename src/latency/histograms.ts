// The one importer of HdrHistogram: loaded when a run measures latencies.

import float64Histogram from 'hdr-histogram-js/dist/Float64Histogram.js'
import type { LatencyHistogram } from './latency-table.ts'

const SIGNIFICANT_DIGITS = 3
/** A histogram begins with this and grows to the hour that recordMicros() allows: a group of fast requests takes 16 kB. */
const FIRST_HIGHEST_MICROS = 4096

/** 2048 places for the values below, 1024 for each further power of two. */
const FIRST_POWER = 10

/** Finds a value's place as the library does, but without logarithms and powers: it is asked for each exchange. */
class MicrosHistogram extends float64Histogram.default {
  override countsArrayIndex(value: number): number {
    if (!(value >= 0 && value <= 0xffffffff)) return super.countsArrayIndex(value)
    const power = Math.max(31 - FIRST_POWER - Math.clz32(value), 0)
    return (power << FIRST_POWER) + (value >>> power)
  }
}

/** For values that are whole numbers. */
export function makeHistogram(): LatencyHistogram {
  const histogram = new MicrosHistogram(1, FIRST_HIGHEST_MICROS, SIGNIFICANT_DIGITS)
  histogram.autoResize = true
  return histogram
}
