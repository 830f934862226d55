// Lua's io library and `print`. What a script prints goes where the run's other output goes.

import { spawnSync } from 'node:child_process'
import { fstatSync, openSync } from 'node:fs'
import { type LuaFunction, type LuaState, lauxlib, lua } from './fengari.cjs'
import { fromLua, openLibrary, pushFailure, raise, toLua } from './lua-api.ts'
import { LuaFile, type Writer } from './lua-file.ts'

const FILE_TYPE = toLua('FILE*')
const POPEN_MAXIMUM_BYTES = 64 << 20
const NEWLINE = Uint8Array.of(10)
const TAB = Uint8Array.of(9)

interface FileHandle {
  file: LuaFile
}

/** The files that a script has open. */
export class LuaFiles {
  readonly #open = new Set<LuaFile>()
  #input: LuaFile
  #output: LuaFile
  readonly #standard: { readonly stdin: LuaFile; readonly stdout: LuaFile; readonly stderr: LuaFile }
  readonly #write: Writer

  constructor(write: Writer, writeError: Writer) {
    this.#write = write
    this.#standard = {
      stdin: new LuaFile('stdin', 0, { standard: true }),
      stdout: new LuaFile('stdout', -1, { standard: true, writer: write }),
      stderr: new LuaFile('stderr', -1, { standard: true, writer: writeError }),
    }
    this.#input = this.#standard.stdin
    this.#output = this.#standard.stdout
  }

  openLibrary(L: LuaState): void {
    openLibrary(L, 'io', {
      close: (L) => this.#close(L, lua.lua_isnoneornil(L, 1) ? this.#output : toFile(L)),
      flush: (L) => writing(L, () => this.#output.flush()),
      input: (L) => this.#choose(L, 'r', this.#input, (file) => (this.#input = file)),
      lines: (L) => this.#ioLines(L),
      open: (L) => this.#openFile(L),
      output: (L) => this.#choose(L, 'w', this.#output, (file) => (this.#output = file)),
      popen: (L) => this.#popen(L),
      read: (L) => read(L, this.#input, 1),
      tmpfile: (L) => raise(L, "'io.tmpfile' is not there, use os.tmpname"),
      type: ioType,
      write: (L) => write(L, this.#output, 1),
    })
    this.#makeFileType(L)
    lua.lua_getglobal(L, toLua('io'))
    for (const [name, file] of Object.entries(this.#standard)) {
      pushFile(L, file)
      lua.lua_setfield(L, -2, toLua(name))
    }
    lua.lua_pop(L, 1)
    lua.lua_pushcfunction(L, (L) => this.#print(L))
    lua.lua_setglobal(L, toLua('print'))
  }

  flush(): void {
    for (const file of this.#open) file.flush()
  }

  closeAll(): void {
    for (const file of this.#open) file.close()
    this.#open.clear()
  }

  #print(L: LuaState): number {
    const count = lua.lua_gettop(L)
    const parts: Uint8Array[] = []
    for (let i = 1; i <= count; i++) {
      if (i > 1) parts.push(TAB)
      parts.push(lauxlib.luaL_tolstring(L, i))
      lua.lua_pop(L, 1)
    }
    parts.push(NEWLINE)
    this.#write(Buffer.concat(parts))
    return 0
  }

  #makeFileType(L: LuaState): void {
    const methods: Readonly<Record<string, LuaFunction>> = {
      close: (L) => this.#close(L, toFile(L)),
      flush: (L) => {
        const file = toFile(L)
        return writing(L, () => file.flush())
      },
      lines: (L) => pushLines(L, toFile(L), false),
      read: (L) => read(L, toFile(L), 2),
      seek,
      setvbuf: (L) => writing(L, () => {}),
      write: (L) => write(L, toFile(L), 2),
      __tostring: (L) => {
        const { file } = lauxlib.luaL_checkudata(L, 1, FILE_TYPE) as FileHandle
        lua.lua_pushstring(L, toLua(file.closed ? 'file (closed)' : `file (${file.name})`))
        return 1
      },
    }
    lauxlib.luaL_newmetatable(L, FILE_TYPE)
    lua.lua_pushvalue(L, -1)
    lua.lua_setfield(L, -2, toLua('__index'))
    for (const [name, method] of Object.entries(methods)) {
      lua.lua_pushcfunction(L, method)
      lua.lua_setfield(L, -2, toLua(name))
    }
    lua.lua_pop(L, 1)
  }

  /** Throws what node:fs throws. */
  #openPath(path: string, mode: string): LuaFile {
    const plain = mode.replace('b', '')
    const file = new LuaFile(path, openSync(path, plain), { seekable: !plain.startsWith('a') })
    this.#open.add(file)
    return file
  }

  #openFile(L: LuaState): number {
    const path = fromLua(lauxlib.luaL_checkstring(L, 1))
    const mode = lua.lua_isnoneornil(L, 2) ? 'r' : fromLua(lauxlib.luaL_checkstring(L, 2))
    if (!/^[rwa]b?\+?b?$/.test(mode)) return lauxlib.luaL_argerror(L, 2, toLua('invalid mode'))
    try {
      pushFile(L, this.#openPath(path, mode))
    } catch (error) {
      return pushFailure(L, error, path)
    }
    return 1
  }

  /** The command's output is read to its end first. */
  #popen(L: LuaState): number {
    const command = fromLua(lauxlib.luaL_checkstring(L, 1))
    const mode = lua.lua_isnoneornil(L, 2) ? 'r' : fromLua(lauxlib.luaL_checkstring(L, 2))
    if (mode !== 'r') return raise(L, "'io.popen' can only read here")
    const { stdout } = spawnSync('/bin/sh', ['-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: POPEN_MAXIMUM_BYTES,
    })
    pushFile(L, new LuaFile(command, -1, { contents: stdout }))
    return 1
  }

  #close(L: LuaState, file: LuaFile): number {
    if (file.standard) {
      lua.lua_pushnil(L)
      lua.lua_pushstring(L, toLua('cannot close standard file'))
      return 2
    }
    this.#open.delete(file)
    return writing(L, () => file.close())
  }

  #choose(L: LuaState, mode: string, now: LuaFile, set: (file: LuaFile) => void): number {
    let file = now
    if (lua.lua_type(L, 1) === lua.LUA_TSTRING) {
      const path = fromLua(lua.lua_tostring(L, 1))
      try {
        file = this.#openPath(path, mode)
      } catch (error) {
        return raise(L, `${path}: ${(error as Error).message}`)
      }
    } else if (!lua.lua_isnoneornil(L, 1)) file = toFile(L)
    set(file)
    pushFile(L, file)
    return 1
  }

  #ioLines(L: LuaState): number {
    if (lua.lua_isnoneornil(L, 1)) return pushLines(L, this.#input, false)
    const path = fromLua(lauxlib.luaL_checkstring(L, 1))
    let file: LuaFile
    try {
      file = this.#openPath(path, 'r')
    } catch (error) {
      return raise(L, `${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be opened'}`)
    }
    return pushLines(L, file, true)
  }
}

function pushFile(L: LuaState, file: LuaFile): void {
  const handle = lua.lua_newuserdata(L) as FileHandle
  handle.file = file
  lauxlib.luaL_setmetatable(L, FILE_TYPE)
}

function toFile(L: LuaState): LuaFile {
  const { file } = lauxlib.luaL_checkudata(L, 1, FILE_TYPE) as FileHandle
  return file.closed ? raise(L, 'attempt to use a closed file') : file
}

function ioType(L: LuaState): number {
  lauxlib.luaL_checkany(L, 1)
  const handle = lauxlib.luaL_testudata(L, 1, FILE_TYPE) as FileHandle | null
  if (handle === null) lua.lua_pushnil(L)
  else lua.lua_pushstring(L, toLua(handle.file.closed ? 'closed file' : 'file'))
  return 1
}

/** `true`, or what went wrong. */
function writing(L: LuaState, step: () => void): number {
  try {
    step()
  } catch (error) {
    return pushFailure(L, error)
  }
  lua.lua_pushboolean(L, true)
  return 1
}

function write(L: LuaState, file: LuaFile, first: number): number {
  const last = lua.lua_gettop(L)
  for (let i = first; i <= last; i++) {
    const bytes = lauxlib.luaL_checkstring(L, i)
    try {
      file.write(bytes)
    } catch (error) {
      return pushFailure(L, error, file.name)
    }
  }
  pushFile(L, file)
  return 1
}

/** Pushes the values that the formats from argument `first` on ask for; nil for the first that cannot be read. */
function read(L: LuaState, file: LuaFile, first: number): number {
  const last = Math.max(first, lua.lua_gettop(L))
  for (let i = first; i <= last; i++) {
    let got: Uint8Array | number | undefined
    try {
      got = readOne(L, file, i)
    } catch (error) {
      // Lua's own errors have no code
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      return pushFailure(L, error, file.name)
    }
    if (got === undefined) {
      lua.lua_pushnil(L)
      return i - first + 1
    }
    if (typeof got === 'number') lua.lua_pushnumber(L, got)
    else lua.lua_pushstring(L, got)
  }
  return last - first + 1
}

function readOne(L: LuaState, file: LuaFile, argument: number): Uint8Array | number | undefined {
  if (lua.lua_isnoneornil(L, argument)) return file.readLine(false)
  if (lua.lua_type(L, argument) === lua.LUA_TNUMBER) return file.readBytes(lauxlib.luaL_checkinteger(L, argument))
  switch (fromLua(lauxlib.luaL_checkstring(L, argument)).replace(/^\*/, '')[0]) {
    case 'l':
      return file.readLine(false)
    case 'L':
      return file.readLine(true)
    case 'a':
      return file.readAll()
    case 'n':
      return file.readNumber()
    default:
      return lauxlib.luaL_argerror(L, argument, toLua('invalid format'))
  }
}

/** An iterator over `file`. It reads lines and takes no formats. */
function pushLines(L: LuaState, file: LuaFile, closeAtEnd: boolean): number {
  lua.lua_pushcfunction(L, (L) => {
    const line = file.closed ? undefined : file.readLine(false)
    if (line === undefined) {
      if (closeAtEnd) file.close()
      lua.lua_pushnil(L)
    } else lua.lua_pushstring(L, line)
    return 1
  })
  return 1
}

function seek(L: LuaState): number {
  const file = toFile(L)
  const whence = lua.lua_isnoneornil(L, 2) ? 'cur' : fromLua(lauxlib.luaL_checkstring(L, 2))
  const offset = lauxlib.luaL_optinteger(L, 3, 0)
  if (whence !== 'set' && whence !== 'cur' && whence !== 'end') {
    return lauxlib.luaL_argerror(L, 2, toLua('invalid option'))
  }
  try {
    lua.lua_pushnumber(
      L,
      file.seek(whence, offset, () => fstatSync(file.descriptor).size),
    )
  } catch (error) {
    return pushFailure(L, error, file.name)
  }
  return 1
}
