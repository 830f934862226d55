// Bundles the program into dist/: a start file, the program with its compiled code beside it (parts that not every run needs
// are in it and begin when they are asked for), and what runs in processes and threads of its own.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

/**
 * Only yargs' parser is used. The rest of the package would come along, because its shim for Node looks at
 * process.stdout when it is loaded: that costs 30 ms and makes a pipe on standard output non-blocking.
 */
const onlyYargsParser = {
  name: 'only-yargs-parser',
  setup({ onResolve, resolve }) {
    const filter = /platform-shims\/esm\.mjs$/
    onResolve({ filter }, async ({ path, kind, resolveDir, importer, pluginData }) => {
      if (pluginData === filter) return undefined
      const resolved = await resolve(path, { kind, resolveDir, importer, pluginData: filter })
      return { ...resolved, sideEffects: false }
    })
  },
}

/**
 * Of dockerode only its requests are used: they go out by our own transport (src/container/engine-transport.ts), and images
 * are not built. What it would bring along for the rest (ssh2, gRPC, protobuf, tar) is a megabyte and takes 0.3 s to load.
 */
const onlyDockerodeRequests = {
  name: 'only-dockerode-requests',
  setup({ onResolve, onLoad }) {
    const unused = /^(docker-modem|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore)$/
    onResolve({ filter: unused }, ({ path, importer }) =>
      /[/\\]node_modules[/\\]dockerode[/\\]/.test(importer) ? { path, namespace: 'unused' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({
      contents: `
        const refuse = () => { throw new Error('${path} is not part of this program') }
        module.exports = new Proxy(function () {}, { get: refuse, apply: refuse, construct: refuse })`,
    }))
  },
}

/**
 * Of fengari only the language and the libraries that read no terminal and touch no stream: the others bring along packages
 * that look at process.stdin and listen for the end of the process, and script/ has its own io, os and debug.
 */
const fengariWithoutProcess = {
  name: 'fengari-without-process',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(linit|liolib|loslib|ldblib|fengarilib)\.js$/ }, ({ path, importer }) =>
      importer.includes('/fengari/src/') ? { path, namespace: 'left-out' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {}' }))
  },
}

/** @type {import('esbuild').BuildOptions} */
const common = {
  outdir: 'dist',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // It holds compiled code.
  external: ['pcap'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  plugins: [onlyYargsParser, onlyDockerodeRequests, fengariWithoutProcess],
  // CommonJS starts faster, and its compiled code can be kept; some bundled packages are of that kind anyway.
  banner: { js: "const __fileUrl=require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': '__fileUrl', 'import.meta.dirname': '__dirname' },
  logLevel: 'warning',
}

/** start.ts answers --version and --help out of one file, and leaves the rest to the build of program.ts. */
const programApart = {
  name: 'program-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.js', external: true }))
  },
}

// What an earlier build left would only be in the way of who looks.
mkdirSync('dist', { recursive: true })
for (const name of readdirSync('dist')) if (/\.(js|compiled)$/.test(name)) rmSync(join('dist', name))
// The package's own files are ES modules.
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n')
// Builds of their own, because every file that programs share is one more to load at a start.
await build({ ...common, entryPoints: { tcpflow: 'src/start.ts' }, plugins: [programApart] })
await build({
  ...common,
  entryPoints: {
    program: 'src/program.ts',
    'capture-child': 'src/capture/child.ts',
    'capture-broker': 'src/capture/broker.ts',
    'file-thread-worker': 'src/output/files/file-thread-worker.ts',
  },
})
// A regular expression is not escaped by esbuild, and program.js is read byte by byte (src/load-program.ts).
if (/[^\0-\x7f]/.test(readFileSync('dist/program.js', 'utf8'))) throw new Error('dist/program.js must be ASCII')
await recordCompiledCode()

/** Runs what a start runs: code that no run has used is compiled when it is. */
async function recordCompiledCode() {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-build-'))
  const recorder = join(folder, 'record-compiled-code.cjs')
  const typicalRuns = [
    ['-c'],
    ['-cJ', '--summary'],
    ['-o', 'files'],
    ['-o', 'bodies', '-a'],
    ['--json'],
    ['-w', 'saved.pcapng'],
    ['latency'],
    ['latency', '--json'],
    ['diagnose'],
  ]
  try {
    await build({
      ...common,
      outdir: undefined,
      outfile: recorder,
      entryPoints: ['src/record-compiled-code.ts'],
      plugins: [programApart],
    })
    for (const args of typicalRuns) {
      const argv = [recorder, resolve('dist/program.js'), folder, ...args, '-q', '-r', 'conversation.pcap']
      const { status, stderr } = spawnSync(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] })
      if (status !== 0) throw new Error(`the program that was built fails with ${args.join(' ')}: ${stderr}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
