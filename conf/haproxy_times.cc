#include "conf/haproxy_times.h"

#include <algorithm>
#include <iterator>

#include "conf/haproxy_words.h"
#include "conf/text/text.h"
#include "conf/text/units.h"

namespace sluice::conf {

bool HaproxyTimes::Take(int line, const std::vector<std::string>& words) {
  constexpr std::string_view kKnown[] = {"client",     "server",     "connect", "tunnel",
                                         "client-fin", "server-fin", "queue",   "check"};
  if (words.size() != 3 || std::ranges::find(kKnown, words[1]) == std::end(kKnown)) return false;
  times_[words[1]] = {.line = line, .text = HaproxyTime(words[2])};
  return true;
}

const HaproxyTimes::Time* HaproxyTimes::Find(std::string_view name) const {
  const auto found = times_.find(name);
  return found == times_.end() ? nullptr : &found->second;
}

std::string HaproxyTimes::Get(std::string_view name) const {
  const Time* const time = Find(name);
  return time == nullptr ? "" : time->text;
}

bool HaproxyTimes::IsZero(const Time* time) {
  if (time == nullptr) return false;
  const auto duration = ParseDuration(time->text);
  return duration.ok() && *duration == core::Duration::zero();
}

std::string HaproxyTimes::GetPositive(std::string_view name) const {
  return IsZero(Find(name)) ? "" : Get(name);
}

// The one that ends a session there, where 0 is none. Of a value that is known later, such as a
// variable, the first.
const HaproxyTimes::Time* HaproxyTimes::Shorter(const Time* a, const Time* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  if (IsZero(a) || IsZero(b)) return IsZero(a) ? b : a;
  const auto first = ParseDuration(a->text);
  const auto second = ParseDuration(b->text);
  return first.ok() && second.ok() && *second < *first ? b : a;
}

ConvertedKeys HaproxyTimes::Of(const HaproxyTimes& back, Converted& out) const {
  ConvertedKeys keys;
  const auto choose = [&](std::string_view key, std::string_view of_client,
                          std::string_view of_server) -> std::string {
    const Time* const client = Find(of_client);
    const Time* const server = back.Find(of_server);
    const Time* const chosen = Shorter(client, server);
    if (chosen == nullptr) return "";
    const Time* const other = chosen == client ? server : client;
    if (other != nullptr && other->text != chosen->text) {
      out.Note(other->line,
               Cat("timeouts.", key, " is one for both sides: ", chosen->text, " of timeout ",
                   chosen == client ? of_client : of_server, ", not ", Printable(other->text)));
    }
    return chosen->text;
  };
  // That of a tunnel takes the place of both others as soon as a session is connected, as those of
  // an end do; 0 is as if it were not there.
  std::string idle = back.GetPositive("tunnel");
  if (idle.empty()) idle = choose("idle", "client", "server");
  std::string fin;
  if (!GetPositive("client-fin").empty() || !back.GetPositive("server-fin").empty()) {
    fin = choose("half_close", "client-fin", "server-fin");
  }
  if (!idle.empty()) keys.Set("idle", idle);
  if (!back.Get("connect").empty()) keys.Set("connect", back.Get("connect"));
  if (!fin.empty() || !idle.empty()) keys.Set("half_close", fin.empty() ? idle : fin);
  // There these hold for a side that takes nothing, too.
  if (!idle.empty()) keys.Set("write_stall", idle);
  return keys;
}

}  // namespace sluice::conf
