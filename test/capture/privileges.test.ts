import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { dropPrivileges, findUser } from '../../src/capture/privileges.ts'
import { OperatorError } from '../../src/core/errors.ts'

const isRoot = process.geteuid?.() === 0

test('users by name', () => {
  assert.deepEqual(findUser('root'), { name: 'root', userId: 0, groupId: 0 })
  for (const name of ['no-such-user', '', 'root:x', '../root', '-h']) {
    assert.throws(
      () => findUser(name),
      (error) => error instanceof OperatorError && error.message === `there is no user ${name}`,
    )
  }
})

test('root stays root only by not being given up', () => {
  assert.throws(() => dropPrivileges({ name: 'root', userId: 0, groupId: 0 }), OperatorError)
})

test('root is given up for good, with all groups', (t) => {
  if (!isRoot) {
    console.error('SKIPPED: giving up root needs root')
    return t.skip('needs root')
  }
  const script = `
    import { dropPrivileges, findUser } from ${JSON.stringify(`${import.meta.dirname}/../../src/capture/privileges.ts`)}
    process.setgroups([0, 4, 27])
    const user = findUser('nobody')
    dropPrivileges(user)
    let back = ''
    try { process.setuid(0); back = 'uid' } catch {}
    try { process.setgid(0); back = 'gid' } catch {}
    try { dropPrivileges(user) } catch (error) { back += error.message }
    console.log(process.getuid(), process.geteuid(), process.getgroups().includes(0), process.getgroups().length, back)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  assert.equal(stdout, '65534 65534 false 1 only root can become nobody (-U)\n', stderr)
})
