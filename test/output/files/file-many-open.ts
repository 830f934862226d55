// Run by file-store.test.ts under a low limit of descriptors: more flows than may be open, all flushed again and again.

import { FileSink } from '../../../src/output/files/file-sink.ts'
import { filesPlan, Talk, testRun } from './file-fixture.ts'

const sink = new FileSink(filesPlan(process.argv[2]!, { maximumOpenFiles: 100_000 }), testRun)
const talks = Array.from({ length: 500 }, (_, slot) => new Talk(sink, { slot, occurrence: slot }))
for (const text of ['one ', 'two ', 'three']) {
  for (const talk of talks) talk.send(0, text)
  sink.flush()
}
for (const talk of talks) talk.close()
await sink.finish()
