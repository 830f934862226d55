# Build: everything needed to compile the capture addon and bundle the program; none of it is kept.
FROM node:24-trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils g++ libpcap-dev make python3 \
 && rm -rf /var/lib/apt/lists/*
# Symbols are a seventh of node, and nothing at run time needs them.
RUN strip -o /usr/local/bin/node-stripped /usr/local/bin/node
WORKDIR /opt/tcpflow
# node-gyp would download Node's headers; the base image has them.
ENV npm_config_nodedir=/usr/local
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY esbuild.config.mjs tsconfig.json ./
COPY src src
# What is left of the packages is their licences, and of the one that is not bundled (esbuild.config.mjs) its code.
RUN npm run build \
 && npm prune --omit=dev --omit=optional --no-audit --no-fund \
 && find node_modules/pcap -mindepth 1 -maxdepth 1 ! -name build ! -name pcap.js ! -name decode ! -name dns_cache.js \
      ! -name tcp_tracker.js ! -name util.js ! -name package.json ! -name LICENSE -exec rm -rf {} + \
 && find node_modules/pcap/build -type f ! -name pcap_binding.node -delete \
 && strip node_modules/pcap/build/Release/pcap_binding.node \
 && rm -rf node_modules/nan node_modules/.bin node_modules/.package-lock.json \
 && find node_modules -depth -type d \( -name @types -o -name test -o -name tests -o -name examples \) -exec rm -rf {} + \
 && find node_modules -type f \( -name '*.md' -o -name '*.map' -o -name '*.ts' \) ! -iname 'licen*' -delete \
 && find node_modules -type f ! -path 'node_modules/pcap/*' ! -iname 'licen*' ! -name package.json -delete \
 && find node_modules -depth -type d -empty -delete

# Runtime root: libpcap, tcpdump (compiles filters for files), nsenter, node; no package managers, no documentation.
FROM node:24-trixie-slim AS runtime
COPY --from=build /usr/local/bin/node-stripped /usr/local/bin/node
# What a non-root user starts to capture gets CAP_NET_RAW through this one launcher; node itself has no capability. capsh takes
# root's capabilities away where Docker was told to drop SETPCAP, which setpriv needs for that (src/capture/capabilities.ts).
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libcap2 libcap2-bin libpcap0.8t64 tcpdump \
 && install -D -m 0755 /usr/bin/setpriv /usr/libexec/tcpflow/setpriv-net-raw \
 && setcap cap_net_raw+ep /usr/libexec/tcpflow/setpriv-net-raw \
 && cp /usr/sbin/capsh /usr/libexec/tcpflow/capsh \
 && apt-get purge -y --auto-remove libcap2-bin \
 && mv /usr/libexec/tcpflow/capsh /usr/sbin/capsh
COPY --from=build /opt/tcpflow/package.json /opt/tcpflow/package.json
COPY --from=build /opt/tcpflow/node_modules /opt/tcpflow/node_modules
COPY --from=build /opt/tcpflow/dist /opt/tcpflow/dist
COPY deploy/scripts /opt/tcpflow/scripts
# Copyrights and the list of packages stay, for lawyers and scanners.
RUN find /usr/share/doc -type f ! -name copyright -delete \
 && find /usr/share/doc -type d -empty -delete \
 && rm -rf /var/lib/apt /var/lib/dpkg/info /var/cache/* /var/log/* /tmp/* \
      /usr/lib/apt /usr/bin/apt* /usr/lib/*/libapt-pkg* /usr/lib/*/perl* /usr/bin/perl* /usr/share/perl* /usr/lib/*/gconv \
      /usr/share/man /usr/share/locale /usr/share/info /usr/share/bash-completion /usr/share/zsh \
      /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* \
      /opt/yarn* /usr/local/include /usr/local/share/doc /usr/local/share/man \
 && install -d -m 1777 /out
COPY docs/tcpflow.1 /usr/local/share/man/man1/tcpflow.1

# One layer, without what was removed above.
FROM scratch
COPY --from=runtime / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    TCPFLOW_CAPTURE_LAUNCHER=/usr/libexec/tcpflow/setpriv-net-raw
WORKDIR /out
ENTRYPOINT ["node", "/opt/tcpflow/dist/tcpflow.js"]
