// Chat server: rooms for people with a line each. Try it with several `nc 127.0.0.1 8080`.
//
//     bazel run //core/examples:chat_server -- 127.0.0.1:8080
//
//     a line          is said in your room, which is #general at first
//     /nick NAME      /join #ROOM      /rooms      /quit
//
// Everything that a client can use up has a bound: the length of a line, how far it may be behind,
// how fast it may talk (it is read slower, nothing is dropped), how long it may say nothing, and
// how long a write may wait for it. So one that never reads does no harm.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/examples/accept_loop.h"
#include "core/examples/arguments.h"
#include "core/examples/chat_rooms.h"
#include "core/sluice.h"
#include "core/text/control_escape.h"

namespace core = sluice::core;
using core::Named;
using std::chrono_literals::operator""ns;

namespace {

constexpr size_t kLongestLine = 512;
constexpr size_t kLongestName = 20;
constexpr size_t kMostAtOnce = 16384;  // bytes that are gathered for one write

struct Limits {
  core::Duration idle;
  uint32_t lines_per_second;
};

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

class Guest {
 public:
  Guest(core::TcpStream stream, std::shared_ptr<Rooms> rooms, Limits limits)
      : stream_(std::move(stream)), rooms_(std::move(rooms)), limits_(limits) {
    static std::atomic<uint64_t> guests = 0;
    name_ = "guest" + std::to_string(++guests);
  }
  // However it ends, the others are told.
  ~Guest() { rooms_->Leave(room_, "* " + name_ + " has gone"); }

  core::Task<void> Run() {
    if (!co_await Write("* you are " + name_ + ": /nick NAME, /join #ROOM, /rooms, /quit\n") ||
        !co_await Enter(std::string(Rooms::kFirstRoom))) {
      co_return;
    }
    core::BufReader reader(stream_);
    core::TokenBucket talk(limits_.lines_per_second);
    core::Instant idle_at = core::Now() + limits_.idle;
    core::FairOrder turns;  // neither a busy room nor a busy client keeps the other waiting
    while (true) {
      auto next = co_await core::SelectFair(turns, Named<"line">(reader.Line(kLongestLine)),
                                            Named<"news">(news_.Next()),
                                            Named<"idle">(core::SleepUntil(idle_at)));
      auto& line = next.Get<"line">();
      auto& news = next.Get<"news">();
      if (next.Won<"idle">()) {
        if (*next.Get<"idle">()) (void)co_await Write("* you have said nothing for too long\n");
        co_return;
      }
      if (next.Won<"line">() && !line->ok()) {
        if (line->error() == core::kTooLarge)
          (void)co_await Write("* a line has at most 512 bytes\n");
        co_return;  // a reset, for example
      }
      if (next.Won<"news">() && !news->ok()) co_return;  // the rooms are closed, and all is shown
      // The one that has not won may have got something all the same.
      if (news.has_value() && news->ok() && !co_await Show(std::move(**news))) co_return;
      if (line.has_value() && line->ok()) {
        if (!(*line)->has_value() || !co_await Obey(***line)) co_return;
        idle_at = core::Now() + limits_.idle;
        const core::Duration too_early = talk.Take(core::Now(), 1);
        if (too_early > 0ns && !co_await core::Sleep(too_early)) co_return;
      }
    }
  }

 private:
  // False: the client is gone, or has taken nothing for too long.
  core::Task<bool> Write(std::string_view text) {
    const core::Transferred sent = co_await core::WithTimeout(
        limits_.idle, core::WriteAll(stream_, std::as_bytes(std::span(text))));
    co_return sent.ok();
  }

  // With what else is there: one write for many lines.
  core::Task<bool> Show(Rooms::News::Item item) {
    std::string text;
    while (true) {
      if (const auto* lagged = std::get_if<core::Lagged>(&item)) {
        text += "* you are too slow: " + std::to_string(lagged->missed) + " lines are lost\n";
      } else {
        text += *std::get<Rooms::Line>(item);
      }
      if (text.size() >= kMostAtOnce) break;
      core::IoResult<Rooms::News::Item> more = news_.TryNext();
      if (!more.ok()) break;
      item = std::move(*more);
    }
    co_return co_await Write(text);
  }

  // False: it is to end.
  core::Task<bool> Obey(std::string_view line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string_view command = line.substr(0, space);
    const std::string argument(line.substr(std::min(space + 1, line.size())));
    if (!line.starts_with('/')) {
      std::string said = name_ + ": ";
      core::AppendControlEscaped(line, said);  // nothing that others' terminals would obey
      rooms_->Say(room_, said);
      co_return true;
    }
    if (command == "/quit") {
      (void)co_await Write("* bye\n");
      co_return false;
    }
    if (command == "/rooms") co_return co_await Write(rooms_->List());
    if (command == "/nick") co_return co_await Rename(argument);
    if (command == "/join" && argument.starts_with('#') && IsName(argument.substr(1))) {
      if (argument == room_) co_return co_await Write("* you are in " + room_ + "\n");
      rooms_->Leave(room_, "* " + name_ + " goes to " + argument);
      co_return co_await Enter(argument);
    }
    co_return co_await Write("* that is none of /nick NAME, /join #ROOM, /rooms, /quit\n");
  }

  core::Task<bool> Rename(std::string name) {
    if (name.empty()) co_return co_await Write("* a name is not empty\n");
    if (!IsName(name)) {
      co_return co_await Write("* a name has at most 20 letters, digits, _ and -\n");
    }
    rooms_->Say(room_, "* " + name_ + " is now " + name, /*keep=*/false);
    name_ = std::move(name);
    co_return true;
  }

  core::Task<bool> Enter(std::string room) {
    room_ = std::move(room);
    std::optional<Rooms::Entered> entered = rooms_->Enter(room_, "* " + name_ + " joins " + room_);
    if (!entered.has_value()) co_return false;
    news_ = std::move(entered->news);
    co_return co_await Write(entered->history);
  }

  core::TcpStream stream_;
  const std::shared_ptr<Rooms> rooms_;
  const Limits limits_;
  std::string name_;
  std::string room_;
  Rooms::News::Receiver news_;
};

core::Task<void> Serve(core::TcpStream client, std::shared_ptr<Rooms> rooms, Limits limits) {
  Guest guest(std::move(client), std::move(rooms), limits);
  co_await guest.Run();
}

core::Task<int> Main(AcceptOptions options, size_t history, Limits limits) {
  auto rooms = std::make_shared<Rooms>(history);
  co_return co_await AcceptLoop(
      options,
      [rooms, limits](core::TcpStream client) { return Serve(std::move(client), rooms, limits); },
      [&rooms] { rooms->Close("* server shutting down"); });
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv,
                      "chat_server [ADDRESS] [--idle=SECONDS] [--history=LINES] "
                      "[--lines-per-second=N] [--patience=SECONDS]");
  const AcceptOptions options{.address = arguments.AddressAt(0, "127.0.0.1:8080"),
                              .patience = std::chrono::seconds(arguments.Number("patience", 5))};
  const uint32_t history = arguments.Number("history", 20, 0);
  const Limits limits{.idle = std::chrono::seconds(arguments.Number("idle", 300)),
                      .lines_per_second = arguments.Number("lines-per-second", 20)};
  return core::RunMain(Main(options, history, limits), arguments.Runtime(/*most_words=*/1));
}
