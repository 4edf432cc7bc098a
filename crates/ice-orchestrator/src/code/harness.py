"""Runs a piece of Python as a step of a workflow. For CPython 3.9 and later, in a process or in WebAssembly.

Standard input is one JSON document: `code`, and optionally `inputs` and `context`, which the code finds under these
names (`context` is `inputs` unless it is given), and `imports`, the modules it may import beyond the standard library. The
result is the value of the code's variable `output`, or else of `result`. The last line of standard output is
`{"ok": value}`, or `{"error": {"type", "message", "line"}}` with the line in the code, or null. What the code prints goes to
standard error.

The list of imports is a declaration, not a wall: walls are what this program is run in.
"""

import builtins
import importlib.util
import json
import math
import os
import sys
import types

NAME = "<code>"
DEEPEST = 100
LONGEST_MESSAGE = 4000
LONGEST_PLACE = 60


class ResultError(Exception):
    """The result cannot be handed on."""


def main():
    answer = take_stdout()
    try:
        document = json.loads(sys.stdin.buffer.read())
        code = document.get("code")
        if not isinstance(code, str):
            raise ValueError("it has no `code`")
    except Exception as error:
        finish(answer, failure("ProtocolError", "the document on standard input is broken: %s" % error, None))
    try:
        finish(answer, {"ok": run(code, document)})
    except SystemExit as error:
        message = "the code ended itself (sys.exit(%r)): let it come to its end instead" % (error.code,)
        finish(answer, failure("SystemExit", message, line_of(error)))
    except BaseException as error:
        message = str(error) or type(error).__name__
        if isinstance(error, SyntaxError) and error.msg:
            message = error.msg
        finish(answer, failure(type(error).__name__, message, line_of(error)))


def take_stdout():
    """The real standard output, for the answer alone: whatever is printed from here on goes to standard error."""
    # Detached, so that it is not closed with the text stream around it.
    answer = sys.stdout.detach()
    try:
        answer = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
    except (AttributeError, OSError):
        # In WebAssembly a stream cannot be put in another's place: there only Python's own ways lead elsewhere.
        pass
    sys.stdout = sys.__stdout__ = sys.stderr
    return answer


def finish(answer, document):
    # On a line of its own, should the code have written to standard output past everything.
    answer.write(b"\n" + json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n")
    answer.flush()
    sys.stderr.flush()
    # Threads that the code left behind would hold up the end.
    os._exit(0)


def failure(kind, message, line):
    message = message.encode("utf-8", "replace").decode("utf-8")[:LONGEST_MESSAGE]
    return {"error": {"type": kind, "message": message, "line": line}}


def line_of(error):
    """The line of the code at which it happened: the innermost one that is the code's own."""
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return error.lineno
    line, place = None, error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == NAME:
            line = place.tb_lineno
        place = place.tb_next
    return line


def run(code, document):
    module = types.ModuleType("__main__")
    # Types that the code defines are looked up by their module's name.
    sys.modules["__main__"] = module
    guard = Imports(document.get("imports") or [])
    sys.meta_path.insert(0, guard)
    names = module.__dict__
    names["__builtins__"] = dict(vars(builtins), __import__=guard.import_module)
    names["inputs"] = document.get("inputs")
    names["context"] = document.get("context", document.get("inputs"))
    exec(compile(code, NAME, "exec", dont_inherit=True), names)
    name = next((name for name in ("output", "result") if name in names), None)
    return None if name is None else plain(names[name], name, 0)


class Imports:
    """Refuses what the code imports without saying so. What its modules import themselves is their affair."""

    def __init__(self, listed):
        self.listed = {name.partition(".")[0] for name in listed}

    def import_module(self, name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0:
            self.check(name)
        return builtins.__import__(name, globals, locals, fromlist, level)

    def find_spec(self, name, path=None, target=None):
        """Asked for every module that is not loaded yet, also through `importlib`. Only refuses, never finds."""
        frame = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "importlib":
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename == NAME:
            self.check(name)
        return None

    def check(self, name):
        top = name.partition(".")[0]
        if top not in self.listed and not is_standard(top):
            message = 'the module `%s` is not of the standard library: add "%s" to `imports` of this node'
            raise ImportError(message % (name, top), name=name)


def is_standard(top):
    if top in sys.builtin_module_names or top == "__future__":
        return True
    known = getattr(sys, "stdlib_module_names", None)
    if known is not None:
        return top in known
    # Python 3.9 has no list: what stands beside `os` and not among the installed packages is of the library.
    try:
        origin = getattr(importlib.util.find_spec(top), "origin", None)
    except (ImportError, ValueError):
        return False
    library = os.path.dirname(os.__file__)
    own = origin is not None and os.path.realpath(origin).startswith(os.path.realpath(library) + os.sep)
    return origin == "frozen" or (own and "-packages" not in origin)


def plain(value, place, depth):
    """The value, if JSON can say it. Says otherwise what cannot be said, and where it is."""

    def refuse(what):
        short = place if len(place) <= LONGEST_PLACE else place[:LONGEST_PLACE] + "..."
        raise ResultError("the result is not JSON: `%s` is %s" % (short, what))

    if depth > DEEPEST:
        refuse("nested deeper than %d levels, or holds itself" % DEEPEST)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            refuse("text with half a surrogate pair")
        return str(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            refuse("an integer beyond 64 bits; hand it on as text with str()")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            refuse("%r, which JSON has no word for; use None" % float(value))
        return float(value)
    if isinstance(value, (list, tuple)):
        return [plain(item, "%s[%d]" % (place, index), depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                refuse("a dict with the key %r of type %s; keys have to be text" % (key, type(key).__name__))
        return {plain(key, place, depth): plain(item, "%s.%s" % (place, key), depth + 1) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        refuse("a set; use sorted() or list()")
    if isinstance(value, (bytes, bytearray)):
        refuse("bytes; use .decode(), or base64")
    if callable(value):
        refuse("a function or class; call it")
    refuse("of type %s.%s; turn it into numbers, text, lists and dicts" % (type(value).__module__, type(value).__qualname__))


main()
