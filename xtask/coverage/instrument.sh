#!/bin/sh
# What cargo calls in place of rustc for the crates of the workspace: they count what runs of them. The names in what they
# count are not compressed, as not every llvm-cov can read that.
exec "$@" -C instrument-coverage -C llvm-args=-enable-name-compression=false
