// From HAProxy's words (2.x), in mode tcp.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/converted.h"
#include "conf/haproxy_section.h"
#include "conf/haproxy_sections.h"
#include "conf/haproxy_times.h"
#include "conf/haproxy_words.h"
#include "conf/not_converted.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

class Haproxy {
 public:
  explicit Haproxy(Converted& out) : out_(out) {}

  void Read(const std::vector<HaproxySectionText>& sections) {
    for (const HaproxySectionText& text : sections) {
      if (IsOtherHaproxySection(text.kind())) {
        out_.Note(text.head.number, Cat("left out: the section ", JoinedWords(text.head.words)));
      } else if (text.kind() == "global") {
        for (const HaproxyLine& line : text.lines) ReadGlobal(line);
      } else {
        ReadSection(text);
      }
    }
    for (const HaproxySection& each : sections_) {
      if (each.serves()) each.AddUpstream(out_);
      if (each.listens()) each.AddListeners(out_);
    }
    SetTimeouts();
  }

 private:
  // A section defaults, and how it is.
  struct Defaults {
    std::string name = {};
    bool is_http = false;
    HaproxySection section = {};
    bool is_used = false;
  };

  void ReadGlobal(const HaproxyLine& line) {
    const std::string& word = line.words[0];
    const std::string value = line.words.size() > 1 ? line.words[1] : "";
    if (word == "maxconn") return out_.limits.Set("max_connections", value);
    if (word == "maxconnrate") return out_.limits.Set("new_connections", value + "/s");
    if (word == "nbthread") return out_.runtime.Set("workers", value);
    if (word == "hard-stop-after") return out_.shutdown.Set("drain_timeout", HaproxyTime(value));
    out_.Note(line.number, NotConverted(line.words));
  }

  // The one that it names, or the last one so far; of two with one name the later.
  Defaults* DefaultsOf(const HaproxySectionText& text) {
    const std::string from = text.from();
    for (size_t i = defaults_.size(); i-- > 0;) {
      if (from.empty() || defaults_[i].name == from) return &defaults_[i];
    }
    if (!from.empty()) {
      out_.Note(text.head.number, Cat("there is no section defaults ", Printable(from)));
    }
    return nullptr;
  }

  void ReadSection(const HaproxySectionText& text) {
    const bool is_defaults = text.kind() == "defaults";
    // These begin as another one only if they say so.
    Defaults* const base = is_defaults && text.from().empty() ? nullptr : DefaultsOf(text);
    const bool inherits_http = base != nullptr && base->is_http;
    const bool is_http = text.mode().empty() ? inherits_http : text.mode() == "http";
    HaproxySection section(base == nullptr ? HaproxySection() : base->section, text);
    if (is_http && !is_defaults) return section.NoteLeftOut("is in mode http", out_);
    for (const HaproxyLine& line : text.lines) section.Read(line, out_);
    if (is_defaults) {
      defaults_.push_back({.name = text.name(), .is_http = is_http, .section = std::move(section)});
      return;
    }
    if (section.is_disabled()) return section.NoteLeftOut("is disabled", out_);
    if (base != nullptr) base->is_used = true;
    has_own_times_ = has_own_times_ || base == nullptr;
    sections_.push_back(std::move(section));
  }

  const HaproxyTimes* TimesOf(const std::string& upstream) const {
    for (const HaproxySection& each : sections_) {
      if (each.serves() && ConvertedName(each.name()) == upstream) return &each.times();
    }
    return nullptr;
  }

  // Those of the section defaults, if it is one for all, and of each listener what differs.
  void SetTimeouts() {
    const auto is_used = [](const Defaults& each) { return each.is_used; };
    if (!has_own_times_ && std::ranges::count_if(defaults_, is_used) == 1) {
      const HaproxyTimes& times = std::ranges::find_if(defaults_, is_used)->section.times();
      out_.timeouts = times.Of(times, out_);
    }
    for (ConvertedListener& listener : out_.listeners) SetTimeouts(listener);
  }

  void SetTimeouts(ConvertedListener& listener) {
    const auto front = std::ranges::find_if(sections_, [&](const HaproxySection& each) {
      return each.listens() && each.line() == listener.line;
    });
    const HaproxyTimes* const back = TimesOf(listener.upstream);
    if (back == nullptr) return;  // it is left out
    const ConvertedKeys keys = front->times().Of(*back, out_);
    for (const auto& [key, value] : keys.all()) {
      if (value != out_.timeouts.Get(key)) listener.timeouts.Set(key, value);
    }
    if (keys.Get("idle").empty()) {
      out_.Note(listener.line,
                "no timeout client, server or tunnel: there an idle session never ends, "
                "here timeouts.idle ends it after 10m");
    }
    for (const ConvertedRoute& route : listener.routes) {
      const HaproxyTimes* const other = TimesOf(route.upstream);
      if (other == nullptr) continue;
      const ConvertedKeys others = front->times().Of(*other, out_);
      for (const auto& [key, value] : others.all()) {
        const std::string own = keys.Get(key);
        if (own == value) continue;
        out_.Note(route.line, Cat("timeouts.", key, " of ", listener.name,
                                  " is one for all routes: ", own.empty() ? "the default" : own,
                                  ", not ", value));
      }
    }
  }

  Converted& out_;
  std::vector<Defaults> defaults_;
  std::vector<HaproxySection> sections_;
  bool has_own_times_ = false;  // of a section without defaults
};

// There what is beyond a limit waits to be accepted.
void SetOnLimit(Converted& out) {
  const auto is_limited = [](const ConvertedKeys& keys) {
    return !keys.Get("max_connections").empty() || !keys.Get("new_connections").empty();
  };
  const bool is_some = std::ranges::any_of(out.listeners, is_limited, &ConvertedListener::keys);
  if (is_some || is_limited(out.limits)) out.limits.Set("on_limit", "wait");
}

}  // namespace

Converted ConvertHaproxy(std::string_view text, std::string_view file) {
  Converted out(file);
  if (out.IsTooLarge(text)) return out;
  Haproxy(out).Read(HaproxySections(text, out));
  out.Finish();
  SetOnLimit(out);
  return out;
}

}  // namespace sluice::conf
