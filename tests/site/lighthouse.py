"""Lighthouse on the built site, and on a stock build of the same pages beside it.

``make lighthouse``, after ``make book``, on a quiet machine with Node.js and a network;
writes book/_results/site.json. A stock build is what Jupyter Book makes of the same
pages and the same executed cells when its settings are left as they come, save for
those that the pages cannot be built without. Both are served from this machine, the
stock build's MathJax too, which favours that one.
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

import yaml
from browser import browser_path, serve

SOURCE = Path(__file__).parents[2]
sys.path[:0] = [str(SOURCE / "book" / d) for d in ("_ext", "_results")]
import freshness  # noqa: E402
import record  # noqa: E402

TOOLS = {"lighthouse": "12.8.2", "mathjax": "3.2.2"}
FORMS = {"phone": [], "desktop": ["--preset=desktop"]}
ROUNDS = 3  # of which the medians are taken
CHROME = "--headless=new --no-sandbox --disable-gpu"
CDN = "https://cdn.jsdelivr.net/npm/mathjax@3"
KEPT = (
    "title author copyright logo only_build_toc_files exclude_patterns execute parse"
    " bibtex_bibfiles"
).split()
NEEDED = [
    "sphinx_exercise",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
SCORES = ("performance", "accessibility", "best-practices", "seo")
TIMES = {  # milliseconds, of a phone that Lighthouse simulates
    "first paint": "first-contentful-paint",
    "largest paint": "largest-contentful-paint",
    "blocked": "total-blocking-time",
}


def install(folder: Path) -> None:
    """Fetch what measures, and the MathJax of the stock build."""
    if not shutil.which("npm"):
        print("lighthouse: needs Node.js with npm (nodejs.org)", file=sys.stderr)
        sys.exit(2)
    names = [f"{name}@{version}" for name, version in TOOLS.items()]
    command = ["npm", "install", "--silent", "--prefix", str(folder), *names]
    subprocess.run(command, check=True)


def stock(folder: Path, mathjax: Path) -> Path:
    """Build the pages with Jupyter Book as it comes; returns the folder of the site."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=SOURCE,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SOURCE / name, folder / name)
    cells = SOURCE / "_build/.jupyter_cache" / freshness.code_key(SOURCE)
    shutil.copytree(cells, folder / "_build/.jupyter_cache")
    ours = yaml.safe_load((SOURCE / "_config.yml").read_text("utf8"))
    config = {key: ours[key] for key in KEPT}
    config["sphinx"] = {
        "extra_extensions": NEEDED,
        "config": {"nb_merge_streams": True, "numfig": True},
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(config), "utf8")
    builder = Path(sys.executable).with_name("jupyter-book")
    command = [str(builder), "build", str(folder), "--quiet"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    site = folder / "_build/html"
    shutil.copytree(mathjax, site / "mathjax")
    for page in site.rglob("*.html"):
        page.write_text(page.read_text("utf8").replace(CDN, "/mathjax"), "utf8")
    return site


def heaviest(site: Path) -> str:
    """The page of the book with the most elements."""

    def elements(page: Path) -> int:
        return len(re.findall(r"<[a-z]", page.read_text("utf8")))

    return (
        max((site / "book").glob("*.html"), key=elements).relative_to(site).as_posix()
    )


def visit(tools: Path, address: str, options: list[str]) -> dict:
    """One page, once: scores, requests, bytes, layout shift, times."""
    report = tools / "report.json"
    subprocess.run(
        [
            tools / "node_modules/.bin/lighthouse",
            address,
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
        "of other hosts": sum("/mathjax/" in url for url in urls),
        "kB": round(audits["total-byte-weight"]["numericValue"] / 1024),
        "shift": round(audits["cumulative-layout-shift"]["numericValue"], 4),
        **{name: round(audits[key]["numericValue"]) for name, key in TIMES.items()},
        "speed of this machine": round(said["environment"]["benchmarkIndex"]),
    }


def main(site: Path) -> int:
    """Measure both builds and write the record."""
    if not (site / "index.html").is_file():
        print(f"lighthouse: no site in {site}; run 'make book' first", file=sys.stderr)
        return 2
    rows = []
    with tempfile.TemporaryDirectory() as name:
        tools, folder = Path(name, "tools"), Path(name, "stock")
        install(tools)
        builds = {
            "this book": site,
            "stock": stock(folder, tools / "node_modules/mathjax"),
        }
        pages = ["index.html", heaviest(site)]
        for build, root in builds.items():
            base = serve(root)
            for page in pages:
                for form, options in FORMS.items():
                    runs = [
                        visit(tools, f"{base}/{page}", options) for _ in range(ROUNDS)
                    ]
                    middle = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
                    rows.append({"build": build, "page": page, "form": form, **middle})
                    print(rows[-1], flush=True)
    made = record.made()
    made["versions"]["lighthouse"] = TOOLS["lighthouse"]
    made["machine"] = made["machine"].partition(",")[0]
    label = "the site and a stock build of its pages, seen by Lighthouse"
    head = {"label": label, "command": "make lighthouse"}
    record.write("site", head | made | {"rounds": ROUNDS, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
