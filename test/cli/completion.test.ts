// The completion scripts: as generated, and the bash one at work in a real bash.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { bashCompletion } from '../../src/cli/completion/bash.ts'
import { fishCompletion } from '../../src/cli/completion/fish.ts'
import { zshCompletion } from '../../src/cli/completion/zsh.ts'
import { FLAG_TABLES } from '../../src/cli/flags.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { flagForms } from '../support/flag-forms.ts'
import { assertGolden } from '../support/golden.ts'

test('the scripts', () => {
  assertGolden('cli/completion.bash', bashCompletion())
  assertGolden('cli/completion.zsh', zshCompletion())
  assertGolden('cli/completion.fish', fishCompletion())
})

test('every flag is in every script', () => {
  const [bash, zsh, fish] = [bashCompletion(), zshCompletion(), fishCompletion()]
  for (const form of [FLAG_TABLES.dump, FLAG_TABLES.latency, FLAG_TABLES.diagnose, FLAG_TABLES.containers]
    .flat()
    .flatMap((flag) => flagForms(flag).split(', '))) {
    assert.match(bash, new RegExp(`[ ']${form}[ ']`), `bash: ${form}`)
    assert.match(zsh, new RegExp(`'\\*${form}[+=[]`), `zsh: ${form}`)
    const inFish = form.startsWith('--') ? `-l ${form.slice(2)} ` : `-s ${form.slice(1)} `
    assert.ok(fish.includes(inFish), `fish: ${form}`)
  }
})

describe('bash', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tcpflow-completion-'))
    writeFileSync(join(folder, 'trace one.pcap'), '')
    writeFileSync(join(folder, 'trace2.pcap'), '')
    mkdirSync(join(folder, 'tree'))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** What bash offers for the last of `words`; bash itself splits at `=`, so `words` are given split. */
  function complete(...words: string[]): string[] {
    const script = `${bashCompletion()}
      compopt() { :; }
      COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
      _tcpflow
      printf '%s\\n' "\${COMPREPLY[@]}"`
    const result = spawnSync('bash', ['--norc', '-c', script, 'bash', 'tcpflow', ...words], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(result.stderr, '')
    return result.stdout.split('\n').filter((line) => line !== '')
  }

  test('the script is valid and registers itself', () => {
    assert.equal(spawnSync('bash', ['-n'], { input: bashCompletion() }).status, 0)
    const registered = spawnSync('bash', ['-c', `${bashCompletion()}\ncomplete -p tcpflow`], { encoding: 'utf8' })
    assert.equal(registered.stdout, 'complete -F _tcpflow tcpflow\n')
  })

  test('flags', () => {
    assert.deepEqual(complete('--rot'), ['--rotate-size', '--rotate-age'])
    assert.ok(complete('-').includes('-0'))
    assert.deepEqual(complete('-c', '--js'), ['--json'])
  })

  test('files, also those with a blank', () => {
    assert.deepEqual(complete('-r', 'tr').sort(), ['trace one.pcap', 'trace2.pcap', 'tree'])
    assert.deepEqual(complete('-cr', 'trace2'), ['trace2.pcap'])
    assert.deepEqual(complete('--read', '=', 'trace2'), ['trace2.pcap'])
    assert.deepEqual(complete('-c', '-l', 'trace2'), ['trace2.pcap'])
    assert.deepEqual(complete('-o', 'tr'), ['tree'])
  })

  test('interfaces', () => {
    assert.deepEqual(complete('-i', 'an'), ['any'])
    assert.ok(complete('-ci', '').includes('any'))
    assert.ok(complete('--interface', '').length > 1)
  })

  test('fixed choices, also where the value may be left out', () => {
    assert.deepEqual(complete('--color', '=', 'n'), ['never'])
    assert.deepEqual(complete('--color', '='), ['auto', 'always', 'never'])
    assert.deepEqual(complete('--color', 'al'), ['always'])
    assert.deepEqual(complete('--color', '--js'), ['--json'])
    assert.deepEqual(complete('-e', 'h'), ['http'])
    assert.deepEqual(complete('--completion', 'z'), ['zsh'])
  })

  test('commands, and the flags that each has of its own', () => {
    assert.deepEqual(complete('di'), ['diagnose'])
    assert.deepEqual(complete('diagnose', '--hu'), ['--hung-after'])
    assert.deepEqual(complete('diagnose', '--min-severity', ''), ['error', 'warning', 'note'])
    assert.deepEqual(complete('latency', '--to'), ['--top'])
    assert.deepEqual(complete('ps', '--doc'), ['--docker-host'])
    assert.deepEqual(complete('latency', '--hu'), [])
  })

  test('ids of findings, of the program itself', () => {
    writeFileSync(
      join(folder, 'tcpflow'),
      `#!/bin/sh\necho "$*" >> asked\nprintf 'refused  error\\nunanswered  error\\n'\n`,
      {
        mode: 0o755,
      },
    )
    const path = process.env.PATH
    process.env.PATH = `${folder}:${path}`
    try {
      assert.deepEqual(complete('diagnose', '--explain', 'refu'), ['refused'])
      assert.deepEqual(complete('diagnose', '--not-id', '=', ''), ['refused', 'unanswered'])
      const [asked] = readFileSync(join(folder, 'asked'), 'utf8').split('\n')
      assert.equal(parseArguments(asked!.split(' ')).settings.diagnose.explain, '')
    } finally {
      process.env.PATH = path
    }
  })

  test('nothing for what nobody can know', () => {
    assert.deepEqual(complete('--snaplen', ''), [])
    assert.deepEqual(complete('-c', 'po'), [])
  })
})
