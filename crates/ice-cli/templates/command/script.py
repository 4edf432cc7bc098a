"""Counts the words of a text: one JSON object on standard input, one on standard output.

Try it without ice: echo '{"text": "one two"}' | python3 my_tool.py
"""

import json
import sys


def main():
    words = json.load(sys.stdin)["text"].split()
    if not words:
        # With an exit code other than 0 this is the failure that ice tells of.
        json.dump({"error": {"message": "the text has no words", "retryable": False}}, sys.stdout)
        return 1
    json.dump({"words": len(words), "longest": max(words, key=len)}, sys.stdout)
    return 0


sys.exit(main())
