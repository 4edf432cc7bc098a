#!/bin/sh
# What cargo calls in place of rustc for the crates of the workspace: they count what runs of them.
exec "$@" -C instrument-coverage
