#include "conf/haproxy_bind.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

using Words = std::vector<std::string>;

bool HasWord(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Returns how many words it took; 0: what belongs to which word is not known.
size_t TakeOption(int line, const std::string& word, const std::string& value,
                  ConvertedListener& listener, HaproxyBinds& binds, Converted& out) {
  if (word == "accept-proxy" || word == "v4v6" || word == "v6only") return 1;  // read below
  if (word == "tfo" || word == "defer-accept") {
    out.Note(line, NotConverted({word}));
    return 1;
  }
  if (value.empty()) return 0;
  if (word == "maxconn") {
    binds.limits.emplace_back(line, value);
  } else if (word == "backlog") {
    listener.socket.Set("backlog", value);
  } else if (word == "mode") {
    listener.socket.Set("unix_mode", YamlQuoted(value[0] == '0' ? value : "0" + value));
  } else if (word == "tcp-ut") {
    listener.socket.Set("user_timeout", HaproxyTime(value));
  } else if (word == "user" || word == "uid") {
    out.Note(line, Cat("not converted: ", JoinedWords({word, value}),
                       " (see listeners[].socket.unix_owner)"));
  } else if (word == "group" || word == "gid") {
    out.Note(line, Cat("not converted: ", JoinedWords({word, value}),
                       " (see listeners[].socket.unix_group)"));
  } else if (word != "name") {
    return 0;
  }
  return 2;
}

}  // namespace

void TakeHaproxyBind(const HaproxyLine& line, ConvertedListener& listener, HaproxyBinds& binds,
                     Converted& out) {
  const Words& words = line.words;
  if (HasWord(words, "ssl")) {
    out.Note(line.number, Cat("left out: an address that ends TLS, which is not here yet: ",
                              JoinedWords(words)));
    return;
  }
  const bool is_proxied = HasWord(words, "accept-proxy");
  std::vector<std::string>& addresses = is_proxied ? binds.proxied : listener.binds;
  for (const std::string& each : SplitAtCommas(words.size() > 1 ? words[1] : "")) {
    std::string address = HaproxyAddress(each);
    if (address.starts_with("localhost:")) address = "127.0.0.1" + address.substr(9);
    if (address.empty()) {
      out.Note(line.number, Cat("no counterpart: an address such as ", Printable(each)));
      continue;
    }
    addresses.push_back(address);
    // As the kernel has it, whose net.ipv6.bindv6only is 0 unless it was set.
    if (address.starts_with("[::]:") && !HasWord(words, "v6only")) {
      listener.of_both_families.emplace_back(line.number, address);
    }
  }
  if (is_proxied) {
    out.Note(line.number,
             "accept-proxy believes every client: put the balancers' networks in trusted");
  }
  for (size_t i = 2; i < words.size();) {
    const std::string value = i + 1 < words.size() ? words[i + 1] : "";
    const size_t count = TakeOption(line.number, words[i], value, listener, binds, out);
    if (count == 0) {
      out.Note(line.number, NotConverted({words.begin() + static_cast<long>(i), words.end()}));
      return;
    }
    i += count;
  }
}

void SetHaproxyBindLimit(const HaproxyBinds& binds, ConvertedListener& listener, Converted& out) {
  const bool is_alone = listener.binds.size() + binds.proxied.size() == 1;
  for (const auto& [line, limit] : binds.limits) {
    if (limit == "0") continue;  // that of the section
    if (!is_alone) {
      out.Note(line, Cat("not converted: maxconn ", Printable(limit),
                         " of one address (max_connections is of all addresses of a listener)"));
      continue;
    }
    const auto own = ParseDecimal(listener.keys.Get("max_connections")).value_or(0);
    const bool is_smaller = own != 0 && own <= ParseDecimal(limit).value_or(0);
    if (!is_smaller) listener.keys.Set("max_connections", limit);
  }
}

}  // namespace sluice::conf
