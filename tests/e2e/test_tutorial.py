"""docs/tutorial.md: its commands, run one after the other in a shell, print what it shows."""

from harness import main, matrix
from shell import Shell, play

# Which end is the first to close is chance, and who is asked first, too.
CHANCE = ((r"(?:client|upstream)/closed", "END"), (r"\bapp/[ab] (?=NUMBER -/)", "ENDPOINT "))


@matrix(workers=(1,))
class Tutorial:
    def test_the_page(self):
        shell = self.keep(Shell(self.new_folder(), self.backend))
        self.assertGreater(play(self, "tutorial.md", shell, CHANCE), 30)


if __name__ == "__main__":
    main()
