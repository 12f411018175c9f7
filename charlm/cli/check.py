"""``charlm check``."""

import json
from argparse import Namespace

from ..gradcheck import ledger
from ..gradcheck.reader import EXIT_CODES, grade_file
from ..gradcheck.several import report
from .output import say


def run(args: Namespace) -> int:
    """Judge gradients."""
    if args.target and ":" in args.target:
        try:
            found = grade_file(args.target, args.seconds)
        except ValueError as error:
            if args.json:  # a machine is told as well
                refused = {"status": "refused", "problem": str(error)}
                print(json.dumps({"target": args.target, **refused}))
            raise
        say(args, {"target": args.target, **found}, *report(found))
        return EXIT_CODES[found["status"]]
    every = args.target is None
    rows = ledger.rows() if every else [ledger.check(args.target)]
    for row in rows:
        shown = (
            f"{e:8.0e}" if e is not None else "       -" for e in row.errors.values()
        )
        if not args.json:
            mark = "ok  " if row.ok else "FAIL"
            print(f"{mark} {row.pair:20s} {row.cases:4d} runs {' '.join(shown)}")
    bad = [row.problem for row in rows if not row.ok]
    errors = {row.pair: row.errors for row in rows}
    last = bad or ["columns: relative error against " + ", ".join(rows[0].errors)]
    say(args, {"errors": errors, "problems": bad}, *last)
    return 1 if bad else 0
