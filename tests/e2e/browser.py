"""A browser without a screen, for the tests of the page: Chromium, driven by Selenium.

One for all tests of a process: it takes a second to start. It finds nothing but loopback.
"""

import atexit
import base64
import os
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from processes import DEADLINE, wait_for

WIDE = (1400, 1000)
PHONE = (390, 844)
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-device-scale-factor=1", "--lang=en-US", "--enable-precise-memory-info",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.*",
)


class Browser:
    """`clicks` counts those of the mouse since the page was opened."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-browser-", dir="/tmp")
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in (*ARGUMENTS, f"--user-data-dir={self.folder.name}/profile"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        environment = {**os.environ, "HOME": self.folder.name, "SE_OFFLINE": "true"}
        self.driver = webdriver.Chrome(options=options,
                                       service=Service("/usr/bin/chromedriver", env=environment))
        self.driver.set_script_timeout(DEADLINE)
        self.clicks = 0

    def close(self):
        self.driver.quit()
        self.folder.cleanup()

    def open(self, url, size=WIDE, scheme="light"):
        self.resize(size)
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme},
                           {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.driver.get_log("browser")
        self.driver.get(url)
        self.clicks = 0

    def resize(self, size):
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                 deviceScaleFactor=1, mobile=size[0] < 600)

    def leave(self):
        """What the page has open and keeps goes with it."""
        self.js("sessionStorage.clear(); localStorage.clear()")
        self.driver.get("about:blank")

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def find(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        """Of all that match, one line each."""
        return self.js("return [...document.querySelectorAll(arguments[0])]"
                       ".map((each) => each.innerText).join('\\n')", css)

    def rows(self, table):
        """The texts of the cells of a table, row by row."""
        rows = f"{table} tbody tr:not(.space)"
        return self.js("return [...document.querySelectorAll(arguments[0])]"
                       ".map((row) => [...row.cells].map((cell) => cell.innerText))", rows)

    def wait(self, condition, what):
        """As wait_for; what fails meanwhile because the page has just changed is tried again."""
        def holds():
            try:
                return condition()
            except Exception as error:  # pylint: disable=broad-except
                if type(error).__module__.startswith("selenium"):
                    return False
                raise
        return wait_for(holds, what)

    def wait_text(self, css, wanted):
        return self.wait(lambda: wanted in self.text(css), f"{wanted!r} in {css}")

    def click(self, css, index=0):
        """With the mouse, where the element is seen."""
        def click():
            found = self.find(css)
            if len(found) <= index or not found[index].is_enabled():
                return False
            self.js("arguments[0].scrollIntoView({block: 'center'})", found[index])
            found[index].click()
            return True
        self.wait(click, f"{css} to click on")
        self.clicks += 1

    def type(self, css, text):
        [field] = self.find(css)
        field.clear()
        field.send_keys(text)

    def press(self, *keys):
        """On the keyboard, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def complaints(self):
        """What the console says: scripts that failed, what the policy has forbidden. An answer
        that is an error is none."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if "Failed to load resource" not in entry["message"]]

    def memory(self):
        """Bytes of the page's scripts that are in use."""
        self.cdp("HeapProfiler.enable")
        self.cdp("HeapProfiler.collectGarbage")
        return self.cdp("Runtime.getHeapUsage")["usedSize"]

    def accessibility(self):
        """[(role, name)] of what a screen reader is told of."""
        self.cdp("Accessibility.enable")
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "").strip())
                for node in nodes if not node.get("ignored")]

    def picture(self, path, whole=False):
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))


_shared = []


def browser():
    if not _shared:
        _shared.append(Browser())
        atexit.register(lambda: _shared.pop().close())
    return _shared[0]


TAB, ENTER, ESCAPE = Keys.TAB, Keys.ENTER, Keys.ESCAPE

# [[text, ratio]] of what is hard to read: texts whose contrast with what is behind them is less
# than 4.5. (WCAG 2.1, 1.4.3; what is disabled is exempt.)
_FAINT = """
const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
function behind(node) {
  for (; node; node = node.parentElement) {
    const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
}
const faint = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text; (text = walker.nextNode());) {
  const node = text.parentElement;
  if (!text.data.trim() || node.disabled || !node.checkVisibility()) continue;
  const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(behind(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) faint.push([text.data.trim(), ratio]);
}
return faint;
"""

# What is not told to those who cannot see it, or not reached by the keyboard.
_UNTOLD = """
const wrong = [];
const say = (what, node) => wrong.push(`${what}: ${node.outerHTML.slice(0, 120)}`);
const all = (css) => [...document.querySelectorAll(css)].filter((each) => each.checkVisibility());
if (!document.documentElement.lang) wrong.push('the document has no language');
if (!document.title) wrong.push('the document has no title');
if (all('main').length !== 1 || all('h1').length !== 1) wrong.push('not one main and one h1');
let level = 0;
for (const node of all('h1, h2, h3, h4')) {
  if (Number(node.tagName[1]) > level + 1) say('a heading skips a level', node);
  level = Number(node.tagName[1]);
}
for (const node of all('[tabindex]')) if (node.tabIndex > 0) say('an order of its own', node);
for (const node of document.querySelectorAll('[aria-labelledby]')) {
  const label = document.getElementById(node.getAttribute('aria-labelledby'));
  if (!label) say('labelled by nothing', node);
}
const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
ids.forEach((id, i) => ids.indexOf(id) === i || wrong.push(`two elements are ${id}`));
for (const node of all('[role=region], [tabindex="0"]')) {
  const name = node.getAttribute('aria-label') ?? node.getAttribute('aria-labelledby');
  if (!name) say('a place without a name', node);
}
for (const node of all('th')) if (!node.scope) say('a heading of nothing', node);
for (const node of all('*')) {
  const style = getComputedStyle(node);
  if (node.scrollHeight > node.clientHeight + 1 && /auto|scroll/.test(style.overflowY) &&
      node.tabIndex < 0 && node !== document.scrollingElement && node !== document.body) {
    say('scrolls, and has no focus', node);
  }
}
return wrong;
"""
# Roles that say nothing without a name.
_NAMED = {"button", "checkbox", "combobox", "dialog", "image", "img", "link", "navigation",
          "region", "searchbox", "spinbutton", "table", "textbox"}


def barriers(tab):
    """What keeps people from using the page who see badly, or not, or have no mouse; sentences.
    With AXE, the path of axe.min.js, also what that finds."""
    found = [f"{ratio:.2f} is too little contrast: {text}" for text, ratio in tab.js(_FAINT)]
    found += tab.js(_UNTOLD)
    told = tab.accessibility()
    found += [f"a {role} has no name" for role, name in told if role in _NAMED and not name]
    regions = [name for role, name in told if role == "region"]
    found += [f"two regions are {name}" for name in set(regions) if regions.count(name) > 1]
    if path := os.environ.get("AXE"):
        with open(path, encoding="utf-8") as file:
            tab.cdp("Runtime.evaluate", expression=file.read())
        result = tab.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then((result) => done(result.violations), (error) => done([String(error)]))")
        found += [f"axe: {each['id']}: {each['help']}: " + node["html"][:200]
                  for each in result for node in each["nodes"]]
    return found
