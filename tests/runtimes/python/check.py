"""Looks at the form of the exported files: python check.py CHECK JOB FOLDER.

CHECK is a module of checks/ with
  version()   the tool's version
  check(model) None, or what is wrong with the file
"""

import sys

import job


def main(check, path, folder):
    work = job.read(path, folder)
    check = job.module("checks", check)
    for model in work.models:
        fault = check.check(model)
        if fault:
            sys.exit(f"{model.name}: {fault}")
    work.report(version=check.version())


if __name__ == "__main__":
    main(*sys.argv[1:])
