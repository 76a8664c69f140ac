"""Links and anchors: of every Markdown file of the tree, and of the pages that are rendered."""

import html.parser
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VOID = {"meta", "img", "br", "hr", "link"}
# A link, where it is none in code.
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def markdown_files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders
                      if not name.startswith((".", "bazel-")) and name != "node_modules"]
        for name in names:
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), ROOT)


def without_code(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(?: {4}|\t).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", text)


def anchors(text):
    """As GitHub makes them of headings."""
    found = []
    for heading in re.findall(r"^#{1,6} (.*)$", re.sub(
            r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.append(plain)
    return found


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Page(html.parser.HTMLParser):
    """Ids, links and pictures of a page; fails where elements are not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.blocks, self.prose, self.open = [], [], [], [], []
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("href", "src"):
            if name in attributes:
                self.links.append(attributes[name])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.blocks.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, (tag, self.open, self.getpos())

    def handle_data(self, data):
        if "pre" in self.open:
            self.blocks[-1] += data
        elif "code" not in self.open and ("p" in self.open or "td" in self.open):
            self.prose.append(data)


def target_of(path, address):
    """The file that a link in this one leads to, and the anchor in it, or ""."""
    name, _, anchor = address.partition("#")
    return (os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path), anchor


class Markdown(unittest.TestCase):
    def test_links_and_anchors(self):
        count = 0
        for path in markdown_files():
            text = read(path)
            names = anchors(text)
            with self.subTest(path):
                self.assertEqual(len(names), len(set(names)), "two headings have one anchor")
            for address in LINK.findall(without_code(text)):
                if "://" in address or address.startswith("mailto:"):
                    continue
                count += 1
                with self.subTest(path=path, link=address):
                    target, anchor = target_of(path, address)
                    self.assertTrue(os.path.exists(os.path.join(ROOT, target)), "no such file")
                    if anchor:
                        self.assertIn(anchor, anchors(read(target)))
        self.assertGreater(count, 100)


class Html(unittest.TestCase):
    folder = ""

    @classmethod
    def setUpClass(cls):
        cls.pages = {}
        for folder, _, names in os.walk(cls.folder):
            for name in names:
                if name.endswith(".html"):
                    path = os.path.join(folder, name)
                    cls.pages[os.path.relpath(path, cls.folder)] = Page(path)

    def test_every_page_is_there(self):
        for path in markdown_files():
            if path.startswith("docs/"):
                page = re.sub(r"(^|/)README\.md$", r"\1index.html", path[len("docs/"):])
                self.assertIn(re.sub(r"\.md$", ".html", page), self.pages)

    def test_links_and_anchors(self):
        count = 0
        for path, page in self.pages.items():
            self.assertEqual(len(page.ids), len(set(page.ids)), path)
            for address in page.links:
                if "://" in address:
                    continue
                count += 1
                with self.subTest(page=path, link=address):
                    target, anchor = target_of(path, address)
                    self.assertTrue(os.path.isfile(os.path.join(self.folder, target)))
                    if anchor:
                        self.assertIn(anchor, self.pages[target].ids)
        self.assertGreater(count, 100)

    def test_blocks_are_as_in_the_text(self):
        """Also where a list or a table begins: what Markdown did not see is left in the prose."""
        for path, page in self.pages.items():
            for text in page.prose:
                self.assertNotRegex(text, r"(?m)^(?:- |\d\d?\. |\| |#+ |```)|\*\*|\]\(", path)
        for name in ("tutorial", "how-to/redis", "how-to/kubernetes", "configuration"):
            blocks = [block.strip() for block in self.pages[name + ".html"].blocks]
            for block in re.findall(r"^```ya?ml\n(.*?)^```", read(f"docs/{name}.md"),
                                    re.MULTILINE | re.DOTALL):
                self.assertIn(block.strip(), blocks)


if __name__ == "__main__":
    if len(sys.argv) > 1 and os.path.isfile(sys.argv[-1]):  # one of the rendered pages
        Html.folder = os.path.dirname(os.path.abspath(sys.argv.pop()))
    else:
        del Html
    unittest.main()
