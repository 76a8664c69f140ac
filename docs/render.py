"""Renders the documents to HTML: `bazel build //docs:html`, which calls this with a folder and the
files. Needs Debian's python3-markdown.

    python3 docs/render.py FOLDER FILE...      # FILEs by their paths in the source tree

A link to another of these files becomes one to its page; a link to any other file of the tree
becomes plain text, since that file is not there.
"""

import html
import os
import re
import shutil
import sys

try:
    import markdown
except ImportError:
    sys.exit("render: needs python3-markdown; run bazel/bootstrap.sh python3-markdown")

TITLE = "Sluice"
# Where pages go that are not below docs/.
ELSEWHERE = {
    "README.md": "overview.html",
    "CHANGELOG.md": "changes.html",
    "conf/reference.yaml": "reference.html",
    "tests/conformance/results/table.md": "cases.html",
    "tests/conformance/results/table.svg": "table.svg",
}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: auto; padding: 0 1rem; }
nav { padding: .8rem 0; border-bottom: 1px solid #8888; margin-bottom: 1rem; }
nav a { margin-right: 1rem; }
pre { overflow-x: auto; padding: .7rem 1rem; background: #8882; border-radius: 4px; }
code { font-size: .9em; }
:not(pre) > code { background: #8882; padding: .1em .25em; border-radius: 3px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
img { max-width: 100%; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2rem; }
"""
NAVIGATION = (("docs/README.md", "Contents"), ("README.md", "Overview"),
              ("docs/tutorial.md", "Tutorial"), ("docs/configuration.md", "Configuration"),
              ("conf/reference.yaml", "Reference"), ("docs/operating.md", "Operating"),
              ("docs/troubleshooting.md", "Troubleshooting"))


def page_of(path):
    """'docs/how-to/redis.md' -> 'how-to/redis.html'"""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    name = re.sub(r"^docs/", "", path)
    name = re.sub(r"(?:^|(?<=/))README\.md$", "index.html", name)
    return re.sub(r"\.md$", ".html", name)


def anchor_of(heading, separator="-"):
    """As GitHub makes it, so that one link is right in both."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def relative(target, page):
    return os.path.relpath(target, os.path.dirname(page) or ".")


def relink(body, path, pages):
    """Links and pictures of the page at `path`, as they are among `pages`."""
    page = pages[path]

    def file_of(address):
        return os.path.normpath(os.path.join(os.path.dirname(path), address))

    def link(match):
        address, text = html.unescape(match[1]), match[2]
        name, _, anchor = address.partition("#")
        if "://" in address or not name:
            return match[0]
        target = file_of(name)
        if target not in pages:
            return text
        where = relative(pages[target], page) + ("#" + anchor if anchor else "")
        return f'<a href="{html.escape(where)}">{text}</a>'

    def picture(match):
        return f'src="{relative(pages[file_of(match[1])], page)}"'  # it has to be there

    body = re.sub(r'<a href="([^"]*)">(.*?)</a>', link, body, flags=re.DOTALL)
    return re.sub(r'(?<=<img )(?:alt="[^"]*" )?src="([^"]*)"',
                  lambda m: re.sub(r'src="([^"]*)"', picture, m[0]), body)


def rendered(text):
    converter = markdown.Markdown(
        extensions=["fenced_code", "tables", "toc", "sane_lists"],
        extension_configs={"toc": {"slugify": anchor_of}})
    return converter.convert(text)


def whole_page(title, body, page, pages):
    links = " ".join(f'<a href="{relative(pages[path], page)}">{name}</a>'
                     for path, name in NAVIGATION if path in pages)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f"<nav>{links}</nav>\n{body}\n</body>\n</html>\n")


def main(folder, paths):
    pages = {path: page_of(path) for path in paths}
    for path, page in pages.items():
        target = os.path.join(folder, page)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not path.endswith((".md", "reference.yaml")):
            shutil.copyfile(path, target)
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".md"):
            title = re.search(r"^# (.*)$", text, re.MULTILINE)[1]
            body = relink(rendered(text), path, pages)
        else:
            title = "Every key of the configuration"
            body = f"<h1>{title}</h1>\n<pre><code>{html.escape(text)}</code></pre>"
        title = title if title == TITLE else f"{title} – {TITLE}"
        with open(target, "w", encoding="utf-8") as file:
            file.write(whole_page(title, body, page, pages))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
