"""The page that ``python -m tornado_ws serve`` shows: one document without external resources.

It needs nothing that a strict Content-Security-Policy forbids; `POLICY` is such a one.
"""
from __future__ import absolute_import, division, print_function

import base64
import hashlib

STYLE = u"""
  :root { color-scheme: light dark; --back: #f3f5f9; --card: #fff; --well: #f3f5f9;
          --text: #1d2433; --soft: #5c677d; --line: #d3d9e4; --blue: #2457c5; --red: #bb2d3b;
          --green: #1d7f4e; --amber: #96600a; }
  @media (prefers-color-scheme: dark) {
    :root { --back: #10141c; --card: #1a202b; --well: #131822; --text: #e4e9f2; --soft: #94a0b5;
            --line: #333d4e; --blue: #85adff; --red: #ff8790; --green: #5dd39c; --amber: #f0bd66; }
  }
  * { box-sizing: border-box; }
  body { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem; color: var(--text);
         background: var(--back); font: 15px/1.5 system-ui, sans-serif; }
  h1, h2, p, dl, dd, ol { margin: 0; }
  h1 { font-size: 1.5rem; }
  h2 { font: 600 1.15rem ui-monospace, monospace; }
  .soft, dt, small, time { color: var(--soft); }
  main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr));
         gap: 1rem; margin-top: 1rem; align-items: start; }
  section { display: grid; gap: .75rem; padding: 1rem; border: 1px solid var(--line);
            border-radius: .75rem; background: var(--card); }
  header, form, .tools { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap; }
  .state { margin-right: auto; padding: 0 .65rem; border: 1px solid; border-radius: 1rem;
           color: var(--amber); font-size: .85rem; }
  .state::before { content: "\\25cf"; margin-right: .4rem; }
  .open .state { color: var(--green); }
  .closed .state { color: var(--red); }
  .detail { min-height: 1.5em; overflow-wrap: anywhere; }
  dl { display: grid; grid-template-columns: repeat(6, 1fr); gap: .5rem; }
  dl div { grid-column: span 2; padding: .35rem .6rem; border-radius: .5rem;
           background: var(--well); }
  dl div:nth-child(n+4) { grid-column: span 3; }
  dt, small, time { font-size: .8rem; }
  dd { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; white-space: pre-line; }
  svg { display: block; width: 100%; height: 1.4rem; fill: none; stroke: var(--blue); }
  input, select, button { padding: .35rem .7rem; border: 1px solid var(--line);
    border-radius: .45rem; color: inherit; background: var(--card); font: inherit; }
  input { flex: 1; min-width: 5rem; }
  input[type=number] { flex: 0 0 5.5rem; }
  button { cursor: pointer; }
  button:hover:enabled { border-color: var(--blue); color: var(--blue); }
  button.main { border-color: var(--blue); color: var(--card); background: var(--blue); }
  button.main:hover:enabled { color: var(--card); filter: brightness(1.1); }
  :disabled { opacity: .5; cursor: default; }
  :focus-visible { outline: 2px solid var(--blue); outline-offset: 1px; }
  ol { height: clamp(9rem, 100vh - 31rem, 26rem); padding: .5rem .6rem; overflow-y: auto;
       list-style: none; border-radius: .5rem; background: var(--well); overflow-wrap: anywhere; }
  li { display: flex; flex-wrap: wrap; gap: 0 .6rem; align-items: baseline; }
  li b { width: 1em; text-align: center; }
  li span { flex: 1 1 9rem; white-space: pre-wrap; }
  li small { margin-left: auto; }
  .object span { font-family: ui-monospace, monospace; }
  .sent span { color: var(--blue); }
  .note span { color: var(--soft); font-style: italic; }
  .bad span, .bad small { color: var(--red); }
"""

BODY = u"""
<h1>tornado_ws</h1>
<p class="soft">A demonstration server. <code>/echo</code> sends every message back,
  <code>/chat</code> passes each text on to all. Open this page twice to talk to yourself.</p>
<noscript><p>This page needs JavaScript: it is made of WebSockets.</p></noscript>
<main></main>
<template>
  <section>
    <header><h2></h2><span class="state" role="status"></span>
      <button type="button" class="toggle"></button></header>
    <p class="detail soft"></p>
    <dl>
      <div><dt>Latency</dt><dd class="latency">&ndash;</dd>
        <svg viewBox="0 0 60 20" preserveAspectRatio="none" aria-hidden="true">
          <polyline vector-effect="non-scaling-stroke"/></svg></div>
      <div><dt>Sent</dt><dd class="sent-count"></dd></div>
      <div><dt>Received</dt><dd class="received-count"></dd></div>
      <div><dt>Reconnects</dt><dd class="reconnects">0</dd></div>
      <div><dt>Extension</dt><dd class="extension">&ndash;</dd></div>
    </dl>
    <ol role="log" tabindex="0" aria-label="Messages"></ol>
    <form class="message">
      <select aria-label="Kind of message"><option>text</option><option>hex</option></select>
      <input autocomplete="off" placeholder="Say something" aria-label="Message">
      <button class="main">Send</button>
    </form>
    <form class="tools">
      <button type="button" class="large">Send 5 MiB</button>
      <input type="number" class="code" value="4000" min="1000" max="4999" aria-label="Close code">
      <input class="reason" placeholder="reason" maxlength="60" aria-label="Close reason">
      <button>Have the server close</button>
    </form>
  </section>
</template>
"""

SCRIPT = u"""
"use strict";
const LARGE = 5 * 1024 * 1024, PROBE = "latency", PROBE_MS = 2000, SETTLED_MS = 5000;
const MAX_WAIT_MS = 30000, MAX_LINES = 500, SHOWN_BYTES = 32, SHOWN_TEXT = 2000;
const encoder = new TextEncoder();
const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;

class Panel {
  constructor(name, protocols) {
    const part = document.querySelector("template").content.cloneNode(true).firstElementChild;
    this.part = part;
    this.find = selector => part.querySelector(selector);
    this.name = part.id = name;
    this.protocols = protocols;
    this.url = new URL(name, location.href.replace(/^http/, "ws"));
    this.totals = {sent: [0, 0], received: [0, 0]};
    this.failures = this.reconnects = this.opened = 0;
    this.latencies = [];
    this.find("h2").textContent = "/" + name;
    this.find(".toggle").onclick = () => this.toggle();
    this.find(".message").onsubmit = event => { event.preventDefault(); this.submit(); };
    this.tally("sent", 0, 0);
    this.tally("received", 0, 0);
    document.querySelector("main").append(part);
    addEventListener("online", () => this.timer && this.connect());
    this.connect();
  }
  // The connection.
  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.wanted = true;
    this.pending = [];
    this.show("connecting", "", "Cancel");
    const socket = this.socket = new WebSocket(this.url, this.protocols);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.on_open();
    socket.onmessage = event => this.on_message(event.data);
    socket.onclose = event => this.on_close(event);
  }
  on_open() {
    this.reconnects += this.opened ? 1 : 0;
    this.opened = performance.now();
    this.find(".reconnects").textContent = this.reconnects;
    this.find(".extension").textContent = this.socket.extensions || "none";
    this.show("open", this.socket.protocol && "subprotocol " + this.socket.protocol, "Disconnect");
    this.note("connected");
  }
  on_close(event) {
    const how = event.wasClean && event.code !== 1005 ? `${event.code} ${event.reason}`.trim()
      : event.code === 1005 ? "closed without a code" : "connection lost, or refused (1006)";
    const stayed = this.opened && performance.now() - this.opened > SETTLED_MS;
    this.note("closed: " + how);
    this.pending = [];
    this.forget_latency();
    if (!this.wanted) return this.show("closed", how, "Connect");
    this.failures = this.state === "open" && stayed ? 1 : this.failures + 1;
    const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.countdown(how, performance.now() + wait);
  }
  countdown(how, due) {
    const left = due - performance.now();
    if (left <= 0) return this.connect();
    const seconds = Math.ceil(left / 1000);
    this.show("closed", `${how}; attempt ${this.failures} to reconnect in ${seconds} s`,
              "Connect now");
    this.timer = setTimeout(() => this.countdown(how, due), Math.min(left, 250));
  }
  toggle() {
    if (this.state === "closed") return this.connect();
    this.wanted = false;
    this.socket.close(1000);
  }
  show(state, detail, label) {
    this.state = state;
    this.part.className = state;
    this.find(".state").textContent = state;
    this.find(".detail").textContent = detail;
    this.find(".toggle").textContent = label;
    for (const form of this.part.querySelectorAll("form"))
      for (const control of form.elements) control.disabled = state !== "open";
  }
  // Messages out.
  submit() {
    const input = this.find(".message input");
    let data = input.value;
    const kind = this.find("select");
    if (kind && kind.value === "hex") {
      const digits = data.replace(/\\s/g, "");
      if (!/^([0-9a-f]{2})*$/i.test(digits)) return this.note("not hex: " + data, "bad");
      data = Uint8Array.from(digits.match(/../g) || [], byte => parseInt(byte, 16));
    }
    this.send(data);
    input.value = "";
    input.focus();
  }
  send(data, quiet) {
    const size = typeof data === "string" ? encoder.encode(data).length : data.length;
    this.pending.push({data, quiet, time: performance.now()});
    if (!quiet) {
      this.tally("sent", 1, size);
      this.line("sent " + typeof data, "\\u2191", this.preview(data), this.kind(data, size));
    }
    this.socket.send(data);
  }
  // Messages in.
  on_message(data) {
    const text = typeof data === "string";
    if (!text) data = new Uint8Array(data);
    const size = text ? encoder.encode(data).length : data.length;
    this.receive(data, size);
  }
  forget_latency() {
    this.latencies = [];
    this.find(".latency").textContent = "\\u2013";
    this.find("polyline").removeAttribute("points");
  }
  timed(sent) {
    const latency = performance.now() - sent.time;
    if (sent.data.length < 1000) {
      this.latencies = this.latencies.concat(latency).slice(-30);
      const most = Math.max(...this.latencies);
      this.find("polyline").setAttribute("points", this.latencies.map(
        (value, index) => `${index * 60 / 29},${19 - 17 * value / most}`).join(" "));
      this.find(".latency").textContent = latency.toFixed(1) + " ms";
    }
    return latency.toFixed(1) + " ms";
  }
  // The log.
  preview(data) {
    if (typeof data === "string")
      return data.length > SHOWN_TEXT ? data.slice(0, SHOWN_TEXT) + "\\u2026" : data;
    const bytes = Array.from(data.subarray(0, SHOWN_BYTES), b => b.toString(16).padStart(2, "0"));
    return bytes.join(" ") + (data.length > SHOWN_BYTES ? " \\u2026" : "");
  }
  kind(data, size) {
    return (typeof data === "string" ? "" : "binary, ") + count(size, "byte");
  }
  tally(way, messages, bytes) {
    const total = this.totals[way];
    total[0] += messages;
    total[1] += bytes;
    this.find(`.${way}-count`).textContent =
      `${count(total[0], "message")}\\n${count(total[1], "byte")}`;
  }
  note(text, kind) { this.line(kind || "note", "\\u00b7", text, ""); }
  line(kind, ...texts) {
    const log = this.find("ol"), item = document.createElement("li");
    const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    item.className = kind;
    texts.unshift(new Date().toTimeString().slice(0, 8));
    for (const [index, tag] of ["time", "b", "span", "small"].entries()) {
      const part = document.createElement(tag);
      part.textContent = texts[index];
      item.append(part);
    }
    log.append(item);
    if (log.children.length > MAX_LINES) log.firstChild.remove();
    if (follow) log.scrollTop = log.scrollHeight;
  }
}

class Echo extends Panel {
  constructor() {
    super("echo", ["demo"]);
    this.find(".large").onclick = () => this.send_large();
    this.find(".tools").onsubmit = event => {
      event.preventDefault();
      const code = this.find(".code").value;
      const data = `/close ${code} ${this.find(".reason").value}`.trim();
      this.pending.push({data, code});
      this.socket.send(data);
    };
    setInterval(() => {
      if (this.state === "open" && !this.pending.length && !document.hidden) this.send(PROBE, true);
    }, PROBE_MS);
  }
  send_large() {
    const data = new Uint8Array(LARGE);
    for (let at = 0; at < LARGE; at += 65536)
      crypto.getRandomValues(data.subarray(at, at + 65536));
    this.send(data);
  }
  receive(data, size) {
    const sent = this.pending.shift();  // the echoes come in the order of the messages
    if (sent && sent.code && sent.data === data)
      return this.note(`the server does not close with ${sent.code}: it may not be sent`, "bad");
    const latency = sent ? this.timed(sent) : "";
    const same = sent && typeof data === typeof sent.data && data.length === sent.data.length
      && (typeof data === "string" ? data === sent.data : data.every((b, i) => b === sent.data[i]));
    if (same && sent.quiet) return;
    this.tally("received", 1, size);
    this.line(`${same ? "received" : "bad"} ${typeof data}`, "\\u2193", this.preview(data),
              `${this.kind(data, size)}, ${same ? latency : "not what was sent"}`);
  }
}

class Chat extends Panel {
  constructor() {
    super("chat", []);
    this.find(".tools").remove();
    this.find("select").remove();  // the chat takes text only
  }
  on_open() {
    super.on_open();
    this.me = null;
  }
  receive(data, size) {
    const {type, name, text, present} = JSON.parse(data);
    this.tally("received", 1, size);
    if (type === "message") {
      const sent = name === this.me && this.pending.shift();
      return this.line("received", "\\u2193", `${name}: ${text}`, sent ? this.timed(sent) : "");
    }
    this.me = this.me || name;  // the first event is one's own arrival
    this.find(".detail").textContent = `you are ${this.me}; ${present} here`;
    this.note(`${name} ${type === "join" ? "joined" : "left"}, ${present} here`);
  }
}
new Echo();
new Chat();
"""

PAGE = u"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>tornado_ws</title>
<link rel="icon" href="data:,">
<style>%s</style>
%s
<script>%s</script>
""" % (STYLE, BODY, SCRIPT)


def _source(text):
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "'sha256-%s'" % base64.b64encode(digest).decode("ascii")


POLICY = "; ".join([
    "default-src 'none'", "style-src " + _source(STYLE), "script-src " + _source(SCRIPT),
    "img-src data:", "connect-src %s", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'"])
"""The header's value, but for where the page may connect to."""
