// For Node.js that ignores the proxy variables (before 22.21, and 23 and 24 before 24.5): fetch, http and https through
// HTTPS_PROXY. Newer ones read NODE_USE_ENV_PROXY themselves and need nothing of this.
"use strict";
const [major, minor] = process.versions.node.split(".").map(Number);
const readsIt = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const url = process.env.HTTPS_PROXY || process.env.https_proxy;
if (!readsIt && url) setUp(new URL(url));

function setUp(proxy) {
  const http = require("http"), https = require("https"), tls = require("tls");
  const own = { host: proxy.hostname, port: Number(proxy.port || 80) };
  // Clients that know the proxy call it by themselves: that call goes straight.
  const isProxy = (host, port) => host === own.host && Number(port) === own.port;

  // A tunnel to host and port: RFC 9110, 9.3.6.
  function tunnel(host, port, done) {
    const to = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const request = http.request({ ...own, method: "CONNECT", path: to, agent: false, headers: { host: to } });
    request.once("error", done);
    request.once("connect", (answer, socket) => {
      if (answer.statusCode === 200) return done(null, socket);
      socket.destroy();
      done(new Error(`the proxy answered ${answer.statusCode} to CONNECT ${to}`));
    });
    request.end();
  }

  function secured(options, host, socket, done) {
    const name = options.servername || (require("net").isIP(host) ? undefined : host);
    const over = tls.connect({ ...options, host, socket, servername: name });
    over.once("error", done);
    over.once("secureConnect", () => {
      over.removeListener("error", done);
      done(null, over);
    });
  }

  function agentOf(kind, secure) {
    return class extends kind.Agent {
      createConnection(options, done) {
        const host = options.host || options.hostname || "localhost";
        const port = options.port || (secure ? 443 : 80);
        if (isProxy(host, port)) return super.createConnection(options, done);
        tunnel(host, port, (error, socket) => {
          if (error || !secure) return done(error, socket);
          secured(options, host, socket, done);
        });
      }
    };
  }
  http.globalAgent = new (agentOf(http, false))({ keepAlive: true });
  https.globalAgent = new (agentOf(https, true))({ keepAlive: true });

  // fetch: its dispatcher is of a class that is reached through the one that Node makes when its library is first looked at.
  const place = Symbol.for("undici.globalDispatcher.1");
  if (typeof fetch !== "function" || !globalThis.Headers || !globalThis[place]) return;
  const connect = ({ hostname, protocol, port, servername }, done) => {
    const secure = protocol === "https:";
    const to = Number(port) || (secure ? 443 : 80);
    if (isProxy(hostname, to)) {
      const socket = require("net").connect(own);
      return void socket.once("error", done).once("connect", () => done(null, socket));
    }
    tunnel(hostname, to, (error, socket) => {
      if (error || !secure) return done(error, socket);
      secured({ servername, ALPNProtocols: ["http/1.1"] }, hostname, socket, done);
    });
  };
  globalThis[place] = new globalThis[place].constructor({ connect });
}
