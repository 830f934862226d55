// Where the program begins. Answers what needs no program, refuses a Node that is too old, and loads the rest.

import { quickAnswer } from './cli/quick-answer.ts'
import { writeText } from './cli/write-text.ts'
import { loadProgram } from './load-program.ts'
import { isTerminal } from './terminal.ts'

const STDOUT = 1
const STDERR = 2

/** Otherwise the first thing that is missing there would be reported as a bug. */
function isNodeTooOld(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major < 20 || (major === 20 && minor < 19)
}

const answer = quickAnswer(process.argv.slice(2), process.env, () => isTerminal(STDOUT))
if (answer !== undefined) {
  writeText(STDOUT, answer)
} else if (isNodeTooOld()) {
  writeText(STDERR, `tcpflow: Node.js 20.19 or newer is needed, this is ${process.version}\n  ${process.execPath}\n`)
  process.exitCode = 1
} else {
  void loadProgram().then(({ runProgram }) => runProgram((url) => import(url)))
}
