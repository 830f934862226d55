// The one importer of HdrHistogram: loaded when a run measures latencies.

import float64Histogram from 'hdr-histogram-js/dist/Float64Histogram.js'
import type { LatencyHistogram } from './latency-table.ts'

const SIGNIFICANT_DIGITS = 3
/** Grows from there, up to the hour that recordMicros() allows: a group of fast requests takes 16 kB. */
const FIRST_HIGHEST_MICROS = 4096

export function makeHistogram(): LatencyHistogram {
  const histogram = new float64Histogram.default(1, FIRST_HIGHEST_MICROS, SIGNIFICANT_DIGITS)
  histogram.autoResize = true
  return histogram
}
