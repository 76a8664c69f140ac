"""Plants mistakes in copies of sources: plant.py MISTAKES.py SOURCE... OUTPUT_FOLDER.

A mistake is the name of a file, a text that occurs exactly once in it, and what stands there
instead, which asks whether the mistake is in force. When the code has changed so that a text is not
found, the build fails: the mistake has to be planted anew.
"""

import pathlib
import runpy
import sys


def plant(name, text, mistakes):
    for file, before, after in mistakes:
        if file != name:
            continue
        if text.count(before) != 1:
            sys.exit(f'plant.py: {name}: found {text.count(before)} times, not once:\n{before}')
        text = text.replace(before, after)
    return text


def main():
    mistakes, *sources, folder = sys.argv[1:]
    planted = runpy.run_path(mistakes)
    for source in map(pathlib.Path, sources):
        text = plant(source.name, source.read_text(), planted['MISTAKES'])
        pathlib.Path(folder, source.name).write_text(planted['INCLUDE'] + text)


main()
