// The commands of the key-value server: a table, and a function for each. No command waits: the
// caller holds the lock of the store around Answer.
#ifndef SLUICE_CORE_EXAMPLES_KEY_VALUE_COMMANDS_H_
#define SLUICE_CORE_EXAMPLES_KEY_VALUE_COMMANDS_H_

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/time.h"
#include "core/examples/key_value_store.h"
#include "core/examples/resp.h"

namespace commands {

namespace core = sluice::core;

using resp::Words;
using Store = KeyValueStore;

inline constexpr std::string_view kNoMemory = "OOM the memory of this server is used up";
inline constexpr std::string_view kNoNumber = "ERR value is not an integer or out of range";

inline std::optional<int64_t> ToNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A time from now; nothing if it is no number or not above 0.
inline core::OptionalInstant After(std::string_view text, core::Duration unit, core::Instant now) {
  const std::optional<int64_t> count = ToNumber(text);
  constexpr int64_t kMost = 1'000'000'000;  // seconds: the product stays in 64 bits
  if (!count.has_value() || *count <= 0 || *count > kMost) return std::nullopt;
  return now + *count * unit;
}

inline std::string Ping(Store&, Words& words, core::Instant) {
  return words.size() == 1 ? "+PONG\r\n" : resp::Bulk(words[1]);
}

inline std::string Get(Store& store, Words& words, core::Instant now) {
  const Store::Entry* entry = store.Find(words[1], now);
  return entry == nullptr ? resp::Nothing() : resp::Bulk(entry->value);
}

inline std::string Set(Store& store, Words& words, core::Instant now) {
  Store::Entry entry{std::move(words[2]), std::nullopt};
  for (size_t i = 3; i < words.size(); ++i) {
    const std::string option = absl::AsciiStrToUpper(words[i]);
    const bool exists = store.Find(words[1], now) != nullptr;
    if ((option == "NX" && exists) || (option == "XX" && !exists)) return resp::Nothing();
    if (option == "NX" || option == "XX") continue;
    if ((option != "EX" && option != "PX") || ++i == words.size()) {
      return resp::Error("ERR syntax error");
    }
    const core::Duration unit = option == "EX" ? core::Duration(std::chrono::seconds(1))
                                               : core::Duration(std::chrono::milliseconds(1));
    entry.expires_at = After(words[i], unit, now);
    if (!entry.expires_at.has_value()) return resp::Error(kNoNumber);
  }
  if (!store.Put(words[1], std::move(entry), now)) return resp::Error(kNoMemory);
  return "+OK\r\n";
}

inline std::string Delete(Store& store, Words& words, core::Instant now) {
  int64_t count = 0;
  for (size_t i = 1; i < words.size(); ++i) count += store.Erase(words[i], now) ? 1 : 0;
  return resp::Number(count);
}

inline std::string Exists(Store& store, Words& words, core::Instant now) {
  int64_t count = 0;
  for (size_t i = 1; i < words.size(); ++i) count += store.Find(words[i], now) != nullptr ? 1 : 0;
  return resp::Number(count);
}

inline std::string Expire(Store& store, Words& words, core::Instant now) {
  const core::OptionalInstant at = After(words[2], std::chrono::seconds(1), now);
  if (!at.has_value()) return resp::Error(kNoNumber);
  Store::Entry* entry = store.Find(words[1], now);
  if (entry == nullptr) return resp::Number(0);
  entry->expires_at = at;
  return resp::Number(1);
}

inline std::string TimeToLive(Store& store, Words& words, core::Instant now) {
  const Store::Entry* entry = store.Find(words[1], now);
  if (entry == nullptr) return resp::Number(-2);
  if (!entry->expires_at.has_value()) return resp::Number(-1);
  // Rounded, as Redis does: of 60 seconds 60 are left at once.
  return resp::Number(std::chrono::round<std::chrono::seconds>(*entry->expires_at - now).count());
}

inline std::string AddTo(Store& store, const std::string& key, int64_t amount, core::Instant now) {
  const Store::Entry* entry = store.Find(key, now);
  Store::Entry next = entry == nullptr ? Store::Entry{"0", std::nullopt} : *entry;
  const std::optional<int64_t> before = ToNumber(next.value);
  int64_t sum = 0;
  if (!before.has_value() || __builtin_add_overflow(*before, amount, &sum)) {
    return resp::Error(kNoNumber);
  }
  next.value = std::to_string(sum);
  if (!store.Put(key, std::move(next), now)) return resp::Error(kNoMemory);
  return resp::Number(sum);
}
inline std::string Increment(Store& store, Words& words, core::Instant now) {
  return AddTo(store, words[1], 1, now);
}
inline std::string Decrement(Store& store, Words& words, core::Instant now) {
  return AddTo(store, words[1], -1, now);
}
inline std::string IncrementBy(Store& store, Words& words, core::Instant now) {
  const std::optional<int64_t> amount = ToNumber(words[2]);
  return amount.has_value() ? AddTo(store, words[1], *amount, now) : resp::Error(kNoNumber);
}

inline std::string Size(Store& store, Words&, core::Instant) {
  return resp::Number(static_cast<int64_t>(store.size()));
}
inline std::string Clear(Store& store, Words&, core::Instant) {
  store.Clear();
  return "+OK\r\n";
}
// What redis-cli and redis-benchmark ask for before they begin.
inline std::string NoList(Store&, Words&, core::Instant) { return "*0\r\n"; }
inline std::string EmptySetting(Store&, Words& words, core::Instant) {
  return "*2\r\n" + resp::Bulk(words.back()) + resp::Bulk("");
}

struct Command {
  std::string_view name;
  size_t least, most;  // words, with the name
  std::string (*run)(Store&, Words&, core::Instant);
};
inline constexpr std::array kCommands = {
    Command{"PING", 1, 2, &Ping},
    Command{"GET", 2, 2, &Get},
    Command{"SET", 3, 6, &Set},
    Command{"DEL", 2, resp::kMostWords, &Delete},
    Command{"EXISTS", 2, resp::kMostWords, &Exists},
    Command{"EXPIRE", 3, 3, &Expire},
    Command{"TTL", 2, 2, &TimeToLive},
    Command{"INCR", 2, 2, &Increment},
    Command{"DECR", 2, 2, &Decrement},
    Command{"INCRBY", 3, 3, &IncrementBy},
    Command{"DBSIZE", 1, 1, &Size},
    Command{"FLUSHALL", 1, 1, &Clear},
    Command{"COMMAND", 1, resp::kMostWords, &NoList},
    Command{"CONFIG", 3, 3, &EmptySetting},
};

// Of at least one word, which it may use up.
inline std::string Answer(Store& store, Words& words, core::Instant now) {
  const std::string name = absl::AsciiStrToUpper(words[0]);
  for (const Command& command : kCommands) {
    if (name != command.name) continue;
    if (words.size() < command.least || words.size() > command.most) {
      return resp::Error("ERR wrong number of arguments for '" + name + "'");
    }
    return command.run(store, words, now);
  }
  return resp::Error("ERR unknown command");
}

}  // namespace commands

#endif  // SLUICE_CORE_EXAMPLES_KEY_VALUE_COMMANDS_H_
