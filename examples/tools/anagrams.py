"""Finds the words of a text that are made of the same letters: JSON in on standard input, JSON out on standard output."""

import json
import re
import sys
from collections import defaultdict


def anagrams(text):
    groups = defaultdict(set)
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        groups["".join(sorted(word))].add(word)
    return sorted(sorted(words) for words in groups.values() if len(words) > 1)


found = anagrams(json.load(sys.stdin)["text"])
json.dump({"groups": found, "count": len(found)}, sys.stdout)
