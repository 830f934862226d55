// What may reach a terminal: plain text, TAB, LF, CR before LF, and where it is wanted our own colours.

import assert from 'node:assert/strict'

/** Our colours and no other sequence. */
export const OUR_COLOURS = /\x1b\[(?:0|7|38;5;(?:32|166)|1;38;5;\d{1,3})m/g
const ACTS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/
/** Uses Unicode's own property, not our list. Line separators and annotation characters are not in that property. */
const HIDES = /[\p{Default_Ignorable_Code_Point}\u2028-\u202e\ufff9-\ufffb]/u

/** Asserts that nothing in the text could act on a terminal. */
export function assertHarmless(bytes: Buffer, what: string, colours = false): void {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    assert.fail(`${what}: ill-formed UTF-8, so raw C1 may be in it`)
  }
  if (colours) text = text.replace(OUR_COLOURS, '')
  text = text.replaceAll('\r\n', '\n')
  for (const pattern of [ACTS, HIDES]) {
    const found = pattern.exec(text)
    if (found !== null) {
      const around = text.slice(Math.max(0, found.index - 30), found.index + 30)
      assert.fail(`${what}: U+${found[0].codePointAt(0)!.toString(16)} in ${JSON.stringify(around)}`)
    }
  }
}
