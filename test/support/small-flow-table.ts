// A flow table for tests that make many tables with few connections each: the usual one takes megabytes, and making them took
// nearly all the time of such tests.

import { defaultFlowTableOptions, type FlowTableOptions } from '../../src/flow/options.ts'

export const smallFlowTableOptions: FlowTableOptions = {
  ...defaultFlowTableOptions,
  maximumConnections: 2048,
  maximumRemembered: 4096,
}
