// Gives up root for good (`-U`).

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { OperatorError } from '../core/errors.ts'
import { heldRights } from './capabilities.ts'

export interface UserAccount {
  readonly name: string
  readonly userId: number
  /** Primary group. */
  readonly groupId: number
}

/** The account of a user name. Throws OperatorError when there is none. */
export function findUser(name: string): UserAccount {
  const line = readPasswd().find((each) => each.startsWith(`${name}:`)) ?? askNameService(name)
  const [foundName, , userId, groupId] = line?.split(':') ?? []
  if (foundName !== name || !isId(userId) || !isId(groupId)) {
    throw new OperatorError(`there is no user ${name}`, "'-U nobody' works on most machines")
  }
  return { name, userId: Number(userId), groupId: Number(groupId) }
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text)
}

function readPasswd(): string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8').split('\n')
  } catch {
    return []
  }
}

/** Users that a directory service knows. */
function askNameService(name: string): string | undefined {
  const { stdout } = spawnSync('getent', ['passwd', '--', name], { encoding: 'utf8' })
  return stdout?.split('\n')[0]
}

/**
 * Makes this process the user's, all its threads, without a way back: no root, no capability, and of groups only the
 * primary one (membership in `docker`, say, is as good as root). Throws OperatorError when this process is not root, or
 * when it could become root again.
 */
export function dropPrivileges(user: UserAccount): void {
  if (process.geteuid?.() !== 0) {
    throw new OperatorError(`only root can become ${user.name} (-U)`, 'leave -U out, or start tcpflow as root')
  }
  if (user.userId === 0) throw new OperatorError(`-U ${user.name} would keep root`, 'name a user who is not root')
  try {
    process.setgroups?.([user.groupId])
    process.setgid?.(user.groupId)
    process.setuid?.(user.userId)
  } catch (error) {
    throw new OperatorError(
      `cannot become ${user.name}: ${error instanceof Error ? error.message : error}`,
      'in Docker: docker run --cap-add SETUID --cap-add SETGID, or docker run --user instead of -U',
    )
  }
  if (!isDropped(user)) throw new OperatorError(`root could not be given up for ${user.name}`)
}

function isDropped(user: UserAccount): boolean {
  const { userId, groupId } = user
  if (process.getuid?.() !== userId || process.geteuid?.() !== userId) return false
  if (process.getgid?.() !== groupId || process.getegid?.() !== groupId) return false
  if (process.getgroups?.().some((group) => group !== groupId)) return false
  const capabilities = heldCapabilities()
  if (capabilities !== undefined && capabilities !== 0n) return false
  try {
    process.setuid?.(0)
    return false
  } catch {
    return true
  }
}

/** Effective and permitted capabilities of this process; undefined where there is no procfs. */
function heldCapabilities(): bigint | undefined {
  const held = heldRights()
  return held === undefined ? undefined : held.effective | held.permitted
}
