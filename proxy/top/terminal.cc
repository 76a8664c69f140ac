#include "proxy/top/terminal.h"

#define NCURSES_NOMACROS 1
#include <curses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstddef>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "conf/text/text.h"

namespace sluice::proxy {
namespace {

enum Pair : short { kGoodPair = 1, kWarnPair, kBadPair };  // as the library numbers them

constexpr int kEscapeByte = 27;
constexpr int kEscapeDelay = 25;  // ms, in which the rest of a key's sequence follows an Escape

TopKey KeyOf(int code) {
  using Kind = TopKey::Kind;
  switch (code) {
    case ERR:
      return {};
    case KEY_UP:
      return {Kind::kUp};
    case KEY_DOWN:
      return {Kind::kDown};
    case KEY_PPAGE:
      return {Kind::kPageUp};
    case KEY_NPAGE:
      return {Kind::kPageDown};
    case KEY_HOME:
      return {Kind::kHome};
    case KEY_END:
      return {Kind::kEnd};
    case KEY_LEFT:
      return {Kind::kLeft};
    case KEY_RIGHT:
      return {Kind::kRight};
    case KEY_ENTER:
    case '\r':
    case '\n':
      return {Kind::kEnter};
    case kEscapeByte:
      return {Kind::kEscape};
    case KEY_BACKSPACE:
    case '\b':
    case 127:
      return {Kind::kBackspace};
    case KEY_RESIZE:
      return {Kind::kResize};
    default:
      if (code < ' ' || code > '~') return {Kind::kResize};  // it changes nothing
      return {Kind::kText, static_cast<char>(code)};
  }
}

bool HasHungUp(int fd) {
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

bool StartColours() {
  if (has_colors() == FALSE || start_color() == ERR) return false;
  const short ground = use_default_colors() == OK ? -1 : COLOR_BLACK;
  init_pair(kGoodPair, COLOR_GREEN, ground);
  init_pair(kWarnPair, COLOR_YELLOW, ground);
  init_pair(kBadPair, COLOR_RED, ground);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Terminal>> Terminal::Open(bool with_colours,
                                                         std::string_view program) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        std::string(program), " needs a terminal; for scripts there is sluice ctl, with --json"));
  }
  // The process has one thread.
  setlocale(LC_CTYPE, "");                  // NOLINT(concurrency-mt-unsafe)
  const char* const kind = getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  if (kind == nullptr || newterm(nullptr, stdout, stdin) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the kind of this terminal, TERM=", conf::Printable(kind == nullptr ? "" : kind),
        ", is not known here; TERM=xterm or TERM=vt100 may do"));
  }
  set_escdelay(kEscapeDelay);
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  curs_set(0);
  return std::unique_ptr<Terminal>(new Terminal(with_colours && StartColours()));
}

Terminal::~Terminal() { endwin(); }

TopSize Terminal::size() const {
  return {.rows = static_cast<size_t>(std::max(getmaxy(stdscr), 1)),
          .columns = static_cast<size_t>(std::max(getmaxx(stdscr), 1))};
}

int Terminal::AttributesOf(TopLook look) const {
  const auto colour = [this](Pair pair) {
    return static_cast<int>(A_BOLD) | (has_colours_ ? COLOR_PAIR(pair) : 0);
  };
  switch (look) {
    case TopLook::kPlain:
      return A_NORMAL;
    case TopLook::kBold:
      return A_BOLD;
    case TopLook::kQuiet:
      return has_colours_ ? A_DIM : A_NORMAL;
    case TopLook::kReverse:
      return A_REVERSE;
    case TopLook::kGood:
      return has_colours_ ? COLOR_PAIR(kGoodPair) : A_NORMAL;
    case TopLook::kWarn:
      return colour(kWarnPair);
    case TopLook::kBad:
      return colour(kBadPair);
  }
  return A_NORMAL;
}

void Terminal::Show(const std::vector<TopLine>& lines) {
  werase(stdscr);
  for (size_t i = 0; i < lines.size(); ++i) {
    wmove(stdscr, static_cast<int>(i), 0);
    for (const TopText& each : lines[i]) {
      wattrset(stdscr, AttributesOf(each.look));
      waddstr(stdscr, each.text.c_str());
    }
  }
  wattrset(stdscr, A_NORMAL);
  wrefresh(stdscr);
}

TopKey Terminal::Read(core::Duration wait) {
  wtimeout(stdscr, static_cast<int>(std::max<core::Duration>(wait, 0s) / 1ms));
  const int code = wgetch(stdscr);
  // For the end of what it reads, too, it says that no key has come, and then does not wait.
  is_gone_ = code == ERR && HasHungUp(STDIN_FILENO);
  return KeyOf(code);
}

}  // namespace sluice::proxy
