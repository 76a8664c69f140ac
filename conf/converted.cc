#include "conf/converted.h"

#include <algorithm>
#include <iterator>

#include "conf/text/text.h"

namespace sluice::conf {
namespace {

std::string YamlList(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += Cat(text.empty() ? "" : ", ", YamlQuoted(item));
  return Cat("[", text, "]");
}

std::string ListenerYaml(const ConvertedListener& listener) {
  std::string text = Cat("  - name: ", listener.name, "\n    bind: ", YamlList(listener.binds),
                         "\n    upstream: ", listener.upstream, "\n");
  for (const auto& [key, value] : listener.keys.all()) text += Cat("    ", key, ": ", value, "\n");
  if (!listener.timeouts.empty()) text += Cat("    timeouts: ", listener.timeouts.ToYaml(), "\n");
  ConvertedKeys access;
  if (!listener.allow.empty()) access.Set("allow", YamlList(listener.allow));
  if (!listener.deny.empty()) access.Set("deny", YamlList(listener.deny));
  if (!access.empty()) text += Cat("    access: ", access.ToYaml(), "\n");
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

std::string ConvertedKeys::ToYaml() const {
  std::string text;
  for (const auto& [key, value] : keys_) text += Cat(text.empty() ? "" : ", ", key, ": ", value);
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

void Converted::Note(int line, std::string_view what) { notes_.emplace_back(line, what); }

ConvertedUpstream* Converted::Find(std::string_view name) {
  const auto found = std::ranges::find(upstreams, name, &ConvertedUpstream::name);
  return found == upstreams.end() ? nullptr : &*found;
}

void Converted::Finish() {
  std::erase_if(upstreams, [this](const ConvertedUpstream& upstream) {
    if (!upstream.endpoints.empty()) return false;
    Note(upstream.line,
         Cat("left out: ", upstream.name, " has no server that can be connected to"));
    return true;
  });
  std::erase_if(listeners, [this](const ConvertedListener& listener) {
    const bool has_upstream = Find(listener.upstream) != nullptr;
    if (has_upstream && !listener.binds.empty()) return false;
    Note(listener.line, Cat("left out: ", listener.name,
                            has_upstream ? " has no address to listen on" : " has no upstream"));
    return true;
  });
  std::erase_if(upstreams, [this](const ConvertedUpstream& upstream) {
    if (std::ranges::find(listeners, upstream.name, &ConvertedListener::upstream) !=
        listeners.end()) {
      return false;
    }
    Note(upstream.line, Cat("left out: no listener uses ", upstream.name));
    return true;
  });
  for (ConvertedListener& listener : listeners) {
    for (const auto& [key, value] : Find(listener.upstream)->timeouts.all()) {
      const std::string own = listener.timeouts.Get(key);
      if (!own.empty() && own != value) {
        Note(listener.line, Cat("timeouts.", key, " of ", listener.name,
                                " is that of its upstream: ", value, ", not ", own));
      }
      listener.timeouts.Set(key, value);
    }
  }
}

std::string Converted::ToYaml() const {
  std::string text = Cat("# Converted from ", Printable(file_), ".\n");
  if (!limits.empty()) text += Cat("limits: ", limits.ToYaml(), "\n");
  if (!timeouts.empty()) text += Cat("defaults:\n  timeouts: ", timeouts.ToYaml(), "\n");
  text += "listeners:\n";
  for (const ConvertedListener& each : listeners) text += ListenerYaml(each);
  text += "upstreams:\n";
  for (const ConvertedUpstream& each : upstreams) text += UpstreamYaml(each);
  return text;
}

std::vector<std::string> Converted::TakeNotes() {
  std::ranges::sort(notes_);
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
