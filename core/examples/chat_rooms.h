// Rooms: the rooms of the chat server: who is there, what was said last, and a broadcast for each.
//
//   absent ── the first Enter ──► open ── the last Leave ──► absent     (kFirstRoom stays)
//                                   └── Close: a last line, and then the end, to all
//
// A lock of the thread is enough: nothing waits while it is held. Threads: any.
#ifndef SLUICE_CORE_EXAMPLES_CHAT_ROOMS_H_
#define SLUICE_CORE_EXAMPLES_CHAT_ROOMS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/sync/broadcast.h"

class Rooms {
 public:
  // A line is one piece of memory, however many read it.
  using Line = std::shared_ptr<const std::string>;
  using News = sluice::core::Broadcast<Line>;
  static constexpr std::string_view kFirstRoom = "#general";
  static constexpr size_t kMostBehind = 100;  // lines; a slower client misses the oldest

  explicit Rooms(size_t history) : most_history_(history) {}

  struct Entered {
    News::Receiver news;
    std::string history;
  };
  // Nothing: all rooms are closed. `notice` is the first line that the new member sees, too.
  std::optional<Entered> Enter(std::string_view name, std::string_view notice) {
    const std::lock_guard lock(mutex_);
    if (closed_) return std::nullopt;
    auto [at, is_new] = rooms_.try_emplace(std::string(name));
    Room& room = at->second;
    if (is_new) room.sender = News::Make(kMostBehind).first;
    ++room.members;
    Entered entered{room.sender.Subscribe(), {}};
    for (const Line& line : room.history) entered.history += *line;
    Announce(room, notice);
    return entered;
  }

  void Leave(std::string_view name, std::string_view notice) {
    const std::lock_guard lock(mutex_);
    const auto at = rooms_.find(name);
    if (at == rooms_.end()) return;  // closed
    if (--at->second.members == 0 && name != kFirstRoom) {
      rooms_.erase(at);
    } else {
      Announce(at->second, notice);
    }
  }

  // What a member says is kept for those who come later; notices are not.
  void Say(std::string_view name, std::string_view text, bool keep = true) {
    const std::lock_guard lock(mutex_);
    const auto at = rooms_.find(name);
    if (at == rooms_.end()) return;
    const Line line = Announce(at->second, text);
    std::deque<Line>& history = at->second.history;
    if (keep) history.push_back(line);
    if (history.size() > most_history_) history.pop_front();
  }

  // "* #general 12\n* #tea 3\n"
  std::string List() {
    const std::lock_guard lock(mutex_);
    std::string list;
    for (const auto& [name, room] : rooms_) {
      list += "* " + name + " " + std::to_string(room.members) + "\n";
    }
    return list;
  }

  // The senders go: a member reads what it has not seen, this notice, and then the end.
  void Close(std::string_view notice) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [name, room] : rooms_) Announce(room, notice);
    rooms_.clear();
  }

 private:
  struct Room {
    News::Sender sender;
    std::deque<Line> history;
    size_t members = 0;
  };

  static Line Announce(Room& room, std::string_view text) {
    Line line = std::make_shared<const std::string>(std::string(text) + "\n");
    room.sender.Send(line);
    return line;
  }

  const size_t most_history_;
  std::mutex mutex_;
  std::map<std::string, Room, std::less<>> rooms_;
  bool closed_ = false;
};

#endif  // SLUICE_CORE_EXAMPLES_CHAT_ROOMS_H_
