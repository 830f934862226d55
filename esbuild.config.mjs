// Bundles the program into dist/: one start file, code that not every run needs in chunks loaded late, and the capture
// programs, which run in processes of their own.
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
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // It holds compiled code.
  external: ['pcap'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  plugins: [onlyYargsParser, onlyDockerodeRequests, fengariWithoutProcess],
  banner: {
    // Some bundled packages are CommonJS and ask for Node's own modules by require.
    js: "import { createRequire as __createRequire } from 'node:module';const require=__createRequire(import.meta.url);",
  },
  logLevel: 'warning',
}

/** start.ts answers --version and --help out of one file, and leaves the rest to the build of program.ts. */
const programApart = {
  name: 'program-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.js', external: true }))
  },
}

// Builds of their own, because every file that programs share is one more to load at a start.
await build({ ...common, entryPoints: { tcpflow: 'src/start.ts' }, plugins: [programApart] })
await build({ ...common, entryPoints: { program: 'src/program.ts' }, splitting: true })
await build({
  ...common,
  entryPoints: {
    'capture-child': 'src/capture/child.ts',
    'capture-broker': 'src/capture/broker.ts',
    'file-thread-worker': 'src/output/file-thread-worker.ts',
  },
})
