// Reads files of /proc and /sys. Their process or interface may be gone; then they read as empty.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

export function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

export function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
