// Runs a piece of JavaScript as a step of a workflow. For Node.js 18 and later in a process, and for QuickJS-ng (`qjs
// --std`) in WebAssembly.
//
// Standard input is one JSON document: `code`, and optionally `inputs` and `context`, which the code finds under these
// names (`context` is `inputs` unless it is given), and `imports`, the modules it may `require` beyond those of Node.js.
// The code may `await`. The result is the value of its variable `output`, or else of `result`. The last line of standard
// output is `{"ok": value}`, or `{"error": {"type", "message", "line"}}` with the line in the code, or null. What the code
// prints goes to standard error.
//
// The list of imports is a declaration, not a wall: walls are what this program is run in.
(function () {
  "use strict";
  const DEEPEST = 100;
  const LONGEST_MESSAGE = 4000;
  const LONGEST_PLACE = 60;
  const stringify = JSON.stringify;
  const parse = JSON.parse;

  function node() {
    const fs = require("fs");
    const vm = require("vm");
    const modules = require("module");
    const toStderr = process.stderr.write.bind(process.stderr);
    process.stdout.write = toStderr;
    const { Console } = require("console");
    globalThis.console = new Console(process.stderr, process.stderr);
    return {
      name: /<code>:(\d+)/,
      read: () => fs.readFileSync(0, "utf8"),
      write(line) {
        let rest = Buffer.from(line, "utf8");
        while (rest.length > 0) {
          try {
            rest = rest.subarray(fs.writeSync(1, rest));
          } catch (error) {
            // A full pipe says so where it was set not to block.
            if (error.code !== "EAGAIN") throw error;
          }
        }
      },
      evaluate: (source) => new vm.Script(source, { filename: "<code>" }).runInThisContext(),
      require(listed) {
        const load = modules.createRequire(process.cwd() + "/");
        return (name) => {
          const bare = String(name).replace(/^node:/, "");
          const parts = bare.split("/");
          const top = bare.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
          if (!modules.builtinModules.includes(top) && !listed.includes(top)) {
            throw new Error(`the module \`${name}\` is not of Node.js: add "${top}" to \`imports\` of this node`);
          }
          return load(name);
        };
      },
      atEnd: (then) => process.on("exit", then),
      onLost: (then) => process.on("uncaughtException", then),
      exit: () => process.exit(0),
    };
  }

  function quickjs() {
    const { std, os } = globalThis;
    const say = (...parts) => {
      std.err.puts(parts.map(shown).join(" ") + "\n");
      std.err.flush();
    };
    const log = { log: say, info: say, warn: say, error: say, debug: say, trace: say };
    globalThis.console = log;
    globalThis.print = say;
    // Timers are counted: when none is left and nothing else is to be done, whatever the code awaits never comes.
    const timers = new Set();
    let ended = () => {};
    let lost = () => {};
    const look = () => os.setTimeout(() => timers.size === 0 && ended(), 0);
    globalThis.setTimeout = (call, delay, ...parts) => {
      const timer = os.setTimeout(() => {
        timers.delete(timer);
        look();
        try {
          call(...parts);
        } catch (error) {
          lost(error);
        }
      }, Number(delay) || 0);
      timers.add(timer);
      return timer;
    };
    globalThis.clearTimeout = (timer) => {
      if (timers.delete(timer)) os.clearTimeout(timer);
      look();
    };
    for (const name of ["std", "os", "bjson"]) delete globalThis[name];
    return {
      name: /<input>:(\d+)/,
      read: () => std.in.readAsString(),
      write(line) {
        std.out.puts(line);
        std.out.flush();
      },
      evaluate: (source) => (0, eval)(source),
      require: () => (name) => {
        throw new Error(`the module \`${name}\` cannot be had: this interpreter has none`);
      },
      atEnd(then) {
        ended = then;
        look();
      },
      onLost(then) {
        lost = then;
      },
      exit: () => std.exit(0),
    };
  }

  function shown(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value}\n${value.stack}`;
    try {
      const text = stringify(value);
      return text === undefined ? String(value) : text;
    } catch {
      return String(value);
    }
  }

  class ResultError extends Error {
    get name() {
      return "ResultError";
    }
  }

  class Found {
    constructor(name, value) {
      this.name = name;
      this.value = value;
    }
  }

  // The value, if JSON can say it. Says otherwise what cannot be said, and where it is.
  function plain(value, place, depth, key) {
    const refuse = (what) => {
      const short = place.length > LONGEST_PLACE ? place.slice(0, LONGEST_PLACE) + "…" : place;
      throw new ResultError(`the result is not JSON: \`${short}\` is ${what}`);
    };
    if (depth > DEEPEST) refuse(`nested deeper than ${DEEPEST} levels, or holds itself`);
    if (value !== null && typeof value === "object" && typeof value.toJSON === "function") value = value.toJSON(key);
    switch (typeof value) {
      case "boolean":
        return value;
      case "string":
        if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
          refuse("text with half a surrogate pair");
        }
        return value;
      case "number":
        if (!Number.isFinite(value)) refuse(`${value}, which JSON has no word for; use null`);
        return value;
      case "bigint":
        return refuse("a BigInt; use Number(), or String()");
      case "undefined":
        return refuse("undefined; use null");
      case "function":
        return refuse("a function; call it");
      case "symbol":
        return refuse("a symbol; use text");
    }
    if (value === null) return null;
    if (Array.isArray(value)) {
      const list = [];
      for (let index = 0; index < value.length; index += 1) {
        list.push(plain(value[index], `${place}[${index}]`, depth + 1, String(index)));
      }
      return list;
    }
    if (value instanceof Promise) refuse("a promise; await it");
    if (value instanceof Set) refuse("a Set; use [...set]");
    if (value instanceof Map) refuse("a Map; use Object.fromEntries(map)");
    if (value instanceof RegExp) refuse("a regular expression; use its source");
    if (value instanceof Error) refuse("an error; use its message, or throw it");
    const object = {};
    for (const [name, item] of Object.entries(value)) {
      // As everywhere in JavaScript, a property without a value is none.
      if (item === undefined) continue;
      plain(name, place, depth, name);
      Object.defineProperty(object, name, {
        value: plain(item, `${place}.${name}`, depth + 1, name),
        enumerable: true,
      });
    }
    return object;
  }

  function failure(type, message, line) {
    const text = String(message).slice(0, LONGEST_MESSAGE).replace(/[\ud800-\udfff]/gu, "\ufffd");
    return { error: { type, message: text, line } };
  }

  const isNode = typeof process === "object" && Boolean(process.versions && process.versions.node);
  const host = isNode ? node() : quickjs();
  let answered = false;

  // On a line of its own, should the code have written to standard output past everything.
  function say(document) {
    host.write("\n" + stringify(document) + "\n");
  }

  function answer(document) {
    if (answered) return;
    answered = true;
    say(document);
    host.exit();
  }

  function fail(error) {
    if (!(error instanceof Error)) {
      answer(failure("Error", `the code threw ${shown(error)}`, null));
      return;
    }
    // The message comes first in some stacks, and may look like a place.
    const stack = String(error.stack || "");
    const at = stack.replace(String(error.message), "").match(host.name);
    answer(failure(String(error.name), error.message, at ? Number(at[1]) : null));
  }

  let document;
  try {
    document = parse(host.read());
    if (typeof document.code !== "string") throw new Error("it has no `code`");
  } catch (error) {
    answer(failure("ProtocolError", `the document on standard input is broken: ${error.message}`, null));
    return;
  }
  host.atEnd(() => {
    if (!answered) {
      const message = "the code ended itself, or awaited what never came, before there was a result";
      answered = true;
      say(failure("EndedError", message, null));
    }
  });
  host.onLost(fail);

  // All before the code stands on its first line, so that lines are counted as in the code. The inner function lets
  // the code declare `inputs` and the other names anew.
  const source =
    "(function (inputs, context, require, foundAs) { return async function () { " +
    document.code +
    "\n;return typeof output !== 'undefined' ? foundAs('output', output)" +
    " : typeof result !== 'undefined' ? foundAs('result', result) : null; } })";
  let task;
  try {
    const load = host.require(document.imports || []);
    task = host.evaluate(source)(document.inputs, document.context ?? document.inputs, load, (name, value) => new Found(name, value));
  } catch (error) {
    fail(error);
    return;
  }
  task().then((found) => {
    // Code that leaves by `return` has its result there.
    const { name, value } = found instanceof Found ? found : new Found("result", found);
    answer({ ok: plain(value ?? null, name, 0, "") });
  }).catch(fail);
})();
