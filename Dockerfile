# Build: everything needed to compile the capture addon and bundle the program; none of it is kept.
FROM node:24-trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ libpcap-dev make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/tcpflow
# node-gyp would download Node's headers; the base image has them.
ENV npm_config_nodedir=/usr/local
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY esbuild.config.mjs tsconfig.json ./
COPY src src
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund \
 && find node_modules/pcap -mindepth 1 -maxdepth 1 ! -name build ! -name pcap.js ! -name decode ! -name dns_cache.js \
      ! -name tcp_tracker.js ! -name util.js ! -name package.json ! -name node_modules ! -name LICENSE -exec rm -rf {} + \
 && find node_modules/pcap/build -type f ! -name pcap_binding.node -delete

# Runtime root: libpcap, tcpdump (compiles filters for files), node; no npm, no documentation.
FROM node:24-trixie-slim AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends libcap2-bin libpcap0.8t64 tcpdump \
 # The capture program of a non-root user gets CAP_NET_RAW through this one launcher; node itself has no capability.
 && install -D -m 0755 /usr/bin/setpriv /usr/libexec/tcpflow/setpriv-net-raw \
 && setcap cap_net_raw+ep /usr/libexec/tcpflow/setpriv-net-raw \
 && apt-get purge -y --auto-remove libcap2-bin \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info \
      /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* \
      /opt/yarn* /usr/local/include /usr/local/share/doc /usr/local/share/man /tmp/*
COPY --from=build /opt/tcpflow/package.json /opt/tcpflow/package.json
COPY --from=build /opt/tcpflow/node_modules /opt/tcpflow/node_modules
COPY --from=build /opt/tcpflow/dist /opt/tcpflow/dist

# One layer, without what was removed above.
FROM scratch
COPY --from=runtime / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    TCPFLOW_CAPTURE_LAUNCHER=/usr/libexec/tcpflow/setpriv-net-raw
WORKDIR /out
ENTRYPOINT ["node", "/opt/tcpflow/dist/tcpflow.js"]
