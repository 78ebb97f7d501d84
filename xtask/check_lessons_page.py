#!/usr/bin/env python3
"""Checks the page of `cargo xtask lessons` in headless Chromium, at desktop and phone width.

    xtask/check_lessons_page.py [runs/lessons/index.html] [--screenshots FOLDER]

Fails if an element is wider than the page, if a lesson of the table of contents is missing, empty or
in another order, or if a figure is missing, invisible or incomplete. Needs Debian's `chromium`.
"""

import argparse
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WIDTHS = {"desktop": 1280, "phone": 390, "narrow": 320}

# Runs in the page, in a frame as wide as the screen to check.
MEASURE = """<script>
addEventListener("load", () => {
  const wide = document.documentElement.clientWidth;
  const scrolls = element => element.closest("pre") !== null || element.closest("svg") !== null;
  const outside = [...document.querySelectorAll("body *")]
    .filter(element => element.tagName === "PRE" || !scrolls(element) || element.tagName === "svg")
    .filter(element => element.getBoundingClientRect().right > wide + 1)
    .map(element => element.tagName + " " + element.textContent.slice(0, 40));
  const lessons = [...document.querySelectorAll("section.lesson")].map(section => ({
    id: section.id,
    results: section.querySelectorAll(":scope > pre").length,
    figures: [...section.querySelectorAll("figure")].map(figure => {
      const box = figure.querySelector("svg")?.getBoundingClientRect();
      return { id: figure.id, width: box?.width ?? 0, height: box?.height ?? 0 };
    }),
  }));
  const links = [...document.querySelectorAll("nav a")].map(a => a.getAttribute("href").slice(1));
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
  parent.postMessage(JSON.stringify({
    wide, scroll: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
    outside, lessons, links, twice: ids.filter((id, at) => ids.indexOf(id) !== at),
    font: getComputedStyle(document.body).fontSize,
  }), "*");
});
</script>"""


def chromium(*options):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("chromium is not installed: apt-get install chromium")
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--log-level=3"]
    done = subprocess.run([program, *common, *options], capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        sys.exit(f"chromium failed: {done.stderr[-2000:]}")
    return done.stdout


def framed(folder, page, width, height):
    """A page that shows `page` in a frame of this size: a window has a minimum width, a frame has none."""
    frame = folder / f"frame-{width}.html"
    frame.write_text(
        f'<!DOCTYPE html><body style="margin:0"><iframe src="{page.as_uri()}" width="{width}" '
        f'height="{height}" style="border:0"></iframe><pre id="measured"></pre><script>'
        'addEventListener("message", event => {'
        'document.getElementById("measured").textContent = event.data; });</script>'
    )
    return frame.as_uri()


def measure(folder, page, width):
    dom = chromium("--virtual-time-budget=10000", "--dump-dom", framed(folder, page, width, 900))
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)
    if not found or not found[1]:
        sys.exit("the page sent no measurements")
    return json.loads(html.unescape(found[1]))


def problems(measured, width):
    if measured["wide"] != width:
        yield f"measured at {measured['wide']} px"
    if measured["scroll"] > measured["wide"]:
        yield f"the page scrolls sideways: {measured['scroll']} px"
    yield from (f"wider than the page: {what}" for what in measured["outside"])
    yield from (f"two elements have the id {name}" for name in measured["twice"])
    ids = [lesson["id"] for lesson in measured["lessons"]]
    if not ids or ids != measured["links"]:
        yield f"the table of contents lists {measured['links']}, the page has {ids}"
    for lesson in measured["lessons"]:
        if lesson["results"] == 0:
            yield f"lesson {lesson['id']} printed nothing"
        for figure in lesson["figures"]:
            if figure["width"] < 0.8 * min(width, 600) or figure["height"] < 100:
                yield f"figure {figure['id']} is {figure['width']} x {figure['height']} px"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="?", default="runs/lessons/index.html", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path, help="write screenshots of the page to this folder")
    options = parser.parse_args()
    if not options.page.is_file():
        sys.exit(f"{options.page} does not exist; run: cargo xtask lessons")
    text = options.page.read_text()
    figures = sorted(path for path in options.page.parent.glob("*/*.svg"))
    failed = False
    # A packaged Chromium may be denied hidden folders and /tmp, but not the folder of the page.
    with tempfile.TemporaryDirectory(dir=options.page.parent.resolve()) as folder:
        folder = pathlib.Path(folder)
        copy = folder / "page.html"
        copy.write_text(text + MEASURE)
        for name, width in WIDTHS.items():
            measured = measure(folder, copy, width)
            found = list(problems(measured, width))
            on_page = sum(len(lesson["figures"]) for lesson in measured["lessons"])
            if on_page < len(figures):
                found.append(f"{len(figures)} figures were written, {on_page} are on the page")
            failed |= bool(found)
            print(f"{name}, {width} px: {len(measured['lessons'])} lessons, {on_page} figures,",
                  f"{measured['height']} px high:", "ok" if not found else "")
            print("".join(f"  {problem}\n" for problem in found), end="")
            if options.screenshots:
                options.screenshots.mkdir(parents=True, exist_ok=True)
                height = min(measured["height"], 15000)
                for scheme, setting in {"light": 1, "dark": 0}.items():
                    file = (options.screenshots / f"{name}-{scheme}.png").resolve()
                    chromium(f"--screenshot={file}", f"--window-size={max(width, 500)},{height}",
                             f"--blink-settings=preferredColorScheme={setting}",
                             framed(folder, copy, width, height))
    sys.exit(failed)


if __name__ == "__main__":
    main()
