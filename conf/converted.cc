#include "conf/converted.h"

#include <algorithm>
#include <iterator>

#include "conf/sources.h"
#include "conf/text/text.h"
#include "core/net/address.h"

namespace sluice::conf {
namespace {

std::string HexYaml(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!hex.empty()) hex += ' ';
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return Cat("{ hex: \"", hex, "\" }");
}

std::string ListenerYaml(const ConvertedListener& listener) {
  std::string text = Cat("  - name: ", listener.name, "\n    bind: ", YamlList(listener.binds),
                         "\n    upstream: ", listener.upstream, "\n");
  for (const auto& [key, value] : listener.keys.all()) text += Cat("    ", key, ": ", value, "\n");
  if (!listener.socket.empty()) text += Cat("    socket: ", listener.socket.ToYaml(), "\n");
  if (!listener.timeouts.empty()) text += Cat("    timeouts: ", listener.timeouts.ToYaml(), "\n");
  ConvertedKeys access;
  if (!listener.allow.empty()) access.Set("allow", YamlList(listener.allow));
  if (!listener.deny.empty()) access.Set("deny", YamlList(listener.deny));
  if (!access.empty()) text += Cat("    access: ", access.ToYaml(), "\n");
  if (!listener.routes.empty()) text += "    routes:\n";
  for (const ConvertedRoute& route : listener.routes) {
    ConvertedKeys keys = route.keys;
    keys.Set("upstream", route.upstream);
    text += Cat("      - ", keys.ToYaml(), "\n");
  }
  return text;
}

std::string UpstreamYaml(const ConvertedUpstream& upstream) {
  std::string text = Cat("  - name: ", upstream.name, "\n");
  for (const auto& [key, value] : upstream.keys.all()) text += Cat("    ", key, ": ", value, "\n");
  if (!upstream.health.empty()) text += Cat("    health: ", upstream.health.ToYaml(), "\n");
  if (!upstream.passive_health.empty()) {
    text += Cat("    passive_health: ", upstream.passive_health.ToYaml(), "\n");
  }
  text += "    endpoints:\n";
  for (const ConvertedKeys& each : upstream.endpoints) text += Cat("      - ", each.ToYaml(), "\n");
  return text;
}

// "[::ffff:1.2.3.4]:80" as IPv4: a socket of IPv6 alone cannot be bound to it.
std::string Unmapped(const std::string& bind) {
  const auto address = core::Address::Parse(bind);
  if (!address.ok() || address->Unmapped() == *address) return bind;
  return address->Unmapped().ToString();
}

// Whether `any` has all addresses of a family, and `bind` is one of them.
bool IsPartOf(const std::string& bind, const std::string& any) {
  const auto part = core::Address::Parse(bind);
  const auto whole = core::Address::Parse(any);
  return part.ok() && whole.ok() && whole->is_any() && !part->is_any() &&
         part->family() == whole->family() && part->port() == whole->port();
}

}  // namespace

void ConvertedKeys::Set(std::string_view key, std::string_view value) {
  for (auto& [known, old] : keys_) {
    if (known == key) {
      old = value;
      return;
    }
  }
  keys_.emplace_back(key, value);
}

std::string ConvertedKeys::Get(std::string_view key) const {
  for (const auto& [known, value] : keys_) {
    if (known == key) return value;
  }
  return "";
}

// A variable alone would end the braces around it.
std::string ConvertedKeys::ToYaml() const {
  constexpr std::string_view kQuotedOrNested = "\"[{";
  std::string text;
  for (const auto& [key, value] : keys_) {
    const bool is_bare = value.empty() || kQuotedOrNested.find(value[0]) == std::string_view::npos;
    const bool has_variable = value.find("${") != value.npos;
    text += Cat(text.empty() ? "" : ", ", key, ": ",
                is_bare && has_variable ? YamlQuoted(value) : value);
  }
  return Cat("{ ", text, " }");
}

void ConvertedListener::SetProxyProtocol(std::string_view accept,
                                         const std::vector<std::string>& trusted) {
  ConvertedKeys proxy_protocol;
  proxy_protocol.Set("accept", accept);
  proxy_protocol.Set("trusted",
                     trusted.empty() ? R"(["0.0.0.0/0", "::/0", unix])" : YamlList(trusted));
  keys.Set("proxy_protocol", proxy_protocol.ToYaml());
}

bool Converted::IsTooLarge(std::string_view text) {
  if (text.size() <= kMaxFileBytes) return false;
  Note(1,
       Cat("the file is larger than the limit of ", kMaxFileBytes, " bytes: convert it in parts"));
  return true;
}

void Converted::Note(int line, std::string_view what) { notes_.emplace_back(line, what); }

ConvertedUpstream* Converted::Find(std::string_view name) {
  const auto found = std::ranges::find(upstreams, name, &ConvertedUpstream::name);
  return found == upstreams.end() ? nullptr : &*found;
}

void Converted::Finish() {
  for (ConvertedListener& listener : listeners) {
    std::ranges::transform(listener.binds, listener.binds.begin(), Unmapped);
  }
  LeaveOut();
  BindBothFamilies();
  TellParts();
}

bool Converted::IsUsed(const std::string& upstream) const {
  return std::ranges::any_of(listeners, [&](const ConvertedListener& listener) {
    const auto& routes = listener.routes;
    return listener.upstream == upstream ||
           std::ranges::find(routes, upstream, &ConvertedRoute::upstream) != routes.end();
  });
}

void Converted::LeaveOut() {
  std::erase_if(upstreams, [this](const ConvertedUpstream& upstream) {
    if (!upstream.endpoints.empty()) return false;
    Note(upstream.line,
         Cat("left out: ", upstream.name, " has no server that can be connected to"));
    return true;
  });
  std::erase_if(listeners, [this](const ConvertedListener& listener) {
    const bool has_upstream = Find(listener.upstream) != nullptr;
    if (has_upstream && !listener.binds.empty()) return false;
    std::string_view why = has_upstream ? " has no address to listen on" : " has no upstream";
    if (!has_upstream && !listener.routes.empty()) {
      why = " has no upstream for clients without a route";
    }
    Note(listener.line, Cat("left out: ", listener.name, why));
    return true;
  });
  for (ConvertedListener& listener : listeners) {
    std::erase_if(listener.routes, [this](const ConvertedRoute& route) {
      if (Find(route.upstream) != nullptr) return false;
      Note(route.line, Cat("left out: the route to ", route.upstream, ", which is not here"));
      return true;
    });
  }
  std::erase_if(upstreams, [this](const ConvertedUpstream& upstream) {
    if (IsUsed(upstream.name)) return false;
    Note(upstream.line, Cat("left out: no listener uses ", upstream.name));
    return true;
  });
}

// "[::]" is IPv6 alone here. Where another socket has the port of IPv4, it takes those clients
// there, too: the kernel hands a connection to the socket of its own family.
void Converted::BindBothFamilies() {
  for (ConvertedListener& listener : listeners) {
    for (const auto& [line, address] : listener.of_both_families) {
      const std::string beside = "0.0.0.0" + address.substr(address.rfind(':'));
      const bool is_bound = std::ranges::any_of(listeners, [&](const ConvertedListener& other) {
        return std::ranges::find(other.binds, beside) != other.binds.end();
      });
      const auto at = std::ranges::find(listener.binds, address);
      if (is_bound || at == listener.binds.end()) continue;
      listener.binds.insert(at + 1, beside);
      Note(line, Cat(address, " is IPv6 alone here: ", beside, " stands beside it"));
    }
  }
}

// There the kernel hands a connection to the socket that names its address. Here one port cannot
// have both. In one listener both would do the same.
void Converted::TellParts() {
  for (ConvertedListener& listener : listeners) {
    std::vector<std::string> kept;
    for (const std::string& bind : listener.binds) {
      const auto has_whole = [&](const ConvertedListener& other) {
        return std::ranges::any_of(other.binds,
                                   [&](const std::string& any) { return IsPartOf(bind, any); });
      };
      const auto other = std::ranges::find_if(listeners, has_whole);
      if (has_whole(listener)) {
        Note(listener.line,
             Cat("left out: ", bind, ", which another address of ", listener.name, " has in it"));
        continue;
      }
      if (other != listeners.end()) {
        Note(listener.line, Cat(bind, " is part of an address of ", other->name,
                                ": one port cannot have both here, take one out"));
      }
      kept.push_back(bind);
    }
    listener.binds = std::move(kept);
  }
}

std::string Converted::ToYaml() const {
  std::string text = Cat("# Converted from ", Printable(file_), ".\n");
  if (!runtime.empty()) text += Cat("runtime: ", runtime.ToYaml(), "\n");
  if (!limits.empty()) text += Cat("limits: ", limits.ToYaml(), "\n");
  if (!shutdown.empty()) text += Cat("shutdown: ", shutdown.ToYaml(), "\n");
  if (!timeouts.empty()) text += Cat("defaults:\n  timeouts: ", timeouts.ToYaml(), "\n");
  text += "listeners:\n";
  for (const ConvertedListener& each : listeners) text += ListenerYaml(each);
  text += "upstreams:\n";
  for (const ConvertedUpstream& each : upstreams) text += UpstreamYaml(each);
  return text;
}

std::vector<std::string> Converted::TakeNotes() {
  std::ranges::sort(notes_);
  const auto repeated = std::ranges::unique(notes_);
  notes_.erase(repeated.begin(), repeated.end());
  std::vector<std::string> lines;
  for (const auto& [line, what] : notes_) {
    lines.push_back(Cat(Printable(file_), ":", line, ": note: ", what));
  }
  notes_.clear();
  return lines;
}

std::string YamlQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string YamlList(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += Cat(text.empty() ? "" : ", ", YamlQuoted(item));
  return Cat("[", text, "]");
}

std::string BytesYaml(std::string bytes) {
  const std::string text = YamlQuoted(bytes);
  std::string escaped;
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\t') {
      escaped += c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t";
    } else if (c < ' ' || c > '~') {
      return HexYaml(bytes);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string JoinedWords(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += Cat(text.empty() ? "" : " ", word);
  return Printable(text);
}

std::string ConvertedName(std::string_view text) {
  constexpr size_t kMost = 63;
  std::string name(text.substr(0, kMost));
  for (char& c : name) {
    const bool fits = IsAsciiLetter(c) || IsAsciiDigit(c) || c == '_' || c == '-' || c == '.';
    if (!fits) c = '-';
  }
  if (name.empty() || (!IsAsciiLetter(name[0]) && !IsAsciiDigit(name[0]))) {
    name = ("x" + name).substr(0, kMost);
  }
  return name;
}

}  // namespace sluice::conf
