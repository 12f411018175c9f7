"""Lighthouse on two pages of the built site, as a phone and as a desktop.

``make lighthouse``, after ``make book``, on a quiet machine with Node.js and a network;
writes book/_results/site.json. The pages are the front page and the chapter with the
most elements; they are served from this machine, compressed.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import browser_path, serve

SOURCE = Path(__file__).parents[2]
sys.path[:0] = [str(SOURCE / "book" / d) for d in ("_ext", "_results")]
import record  # noqa: E402

VERSION = "12.8.2"
FORMS = {"phone": [], "desktop": ["--preset=desktop"]}
ROUNDS = 3  # of which the medians are taken
CHROME = "--headless=new --no-sandbox --disable-gpu"
SCORES = ("performance", "accessibility", "best-practices", "seo")
TIMES = {  # milliseconds, of a phone that Lighthouse simulates
    "first paint": "first-contentful-paint",
    "largest paint": "largest-contentful-paint",
    "blocked": "total-blocking-time",
}


def install(folder: Path) -> None:
    """Fetch what measures."""
    if not shutil.which("npm"):
        print("lighthouse: needs Node.js with npm (nodejs.org)", file=sys.stderr)
        sys.exit(2)
    tool = f"lighthouse@{VERSION}"
    command = ["npm", "install", "--silent", "--prefix", str(folder), tool]
    subprocess.run(command, check=True)


def heaviest(site: Path) -> str:
    """The page of the book with the most elements."""

    def elements(page: Path) -> int:
        return len(re.findall(r"<[a-z]", page.read_text("utf8")))

    return (
        max((site / "book").glob("*.html"), key=elements).relative_to(site).as_posix()
    )


def visit(tools: Path, base: str, page: str, options: list[str]) -> dict:
    """One page, once: scores, requests, bytes, elements, layout shift, times."""
    report = tools / "report.json"
    subprocess.run(
        [
            tools / "node_modules/.bin/lighthouse",
            f"{base}/{page}",
            "--quiet",
            f"--chrome-flags={CHROME}",
            "--output=json",
            f"--output-path={report}",
            *options,
        ],
        check=True,
        env=os.environ | {"CHROME_PATH": browser_path()},
    )
    said = json.loads(report.read_text("utf8"))
    audits = said["audits"]
    urls = [r["url"] for r in audits["network-requests"]["details"]["items"]]
    urls = [url for url in urls if url.startswith("http")]
    return {
        **{name: round(100 * said["categories"][name]["score"]) for name in SCORES},
        "requests": len(urls),
        "of other hosts": sum(not url.startswith(base) for url in urls),
        "kB": round(audits["total-byte-weight"]["numericValue"] / 1024),
        "elements": round(audits["dom-size"]["numericValue"]),
        "shift": round(audits["cumulative-layout-shift"]["numericValue"], 4),
        **{name: round(audits[key]["numericValue"]) for name, key in TIMES.items()},
        "speed of this machine": round(said["environment"]["benchmarkIndex"]),
    }


def main(site: Path) -> int:
    """Measure and write the record."""
    if not (site / "index.html").is_file():
        print(f"lighthouse: no site in {site}; run 'make book' first", file=sys.stderr)
        return 2
    rows, base = [], serve(site)
    with tempfile.TemporaryDirectory() as name:
        tools = Path(name)
        install(tools)
        for page in ("index.html", heaviest(site)):
            for form, options in FORMS.items():
                runs = [visit(tools, base, page, options) for _ in range(ROUNDS)]
                middle = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
                rows.append({"page": page, "form": form, **middle})
                print(rows[-1], flush=True)
    made = record.made()
    made["versions"]["lighthouse"] = VERSION
    made["machine"] = made["machine"].partition(",")[0]
    head = {"label": "two pages of the site, seen by Lighthouse"}
    head |= {"command": "make lighthouse"}
    record.write("site", head | made | {"rounds": ROUNDS, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
