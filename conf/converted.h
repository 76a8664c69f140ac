// Converted: a configuration of another proxy in our words, and what of it does not map.
//
// Checked by: tests/conf/test_convert.py.
#ifndef SLUICE_CONF_CONVERTED_H_
#define SLUICE_CONF_CONVERTED_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::conf {

// Keys with values as YAML has them. A key that is set again has the later value.
class ConvertedKeys {
 public:
  void Set(std::string_view key, std::string_view value);
  std::string Get(std::string_view key) const;  // "": there is none
  bool empty() const { return keys_.empty(); }
  // "{ a: 1, b: 2 }"
  std::string ToYaml() const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return keys_; }

 private:
  std::vector<std::pair<std::string, std::string>> keys_;
};

// A way to another upstream by what a client sends first.
struct ConvertedRoute {
  int line = 0;
  ConvertedKeys keys = {};
  std::string upstream;
};

struct ConvertedListener {
  std::string name;
  int line = 0;
  std::vector<std::string> binds;
  std::string upstream;
  ConvertedKeys keys = {};
  ConvertedKeys timeouts = {};
  std::vector<std::string> allow = {};
  std::vector<std::string> deny = {};
  std::vector<ConvertedRoute> routes = {};
  ConvertedKeys socket = {};
  // "[::]:80" of `binds` that take IPv4, too, by line.
  std::vector<std::pair<int, std::string>> of_both_families = {};

  // Its clients send PROXY headers. `trusted`: networks; none: all clients.
  void SetProxyProtocol(std::string_view accept, const std::vector<std::string>& trusted);
};

struct ConvertedUpstream {
  std::string name;
  int line = 0;
  ConvertedKeys keys = {};
  ConvertedKeys health = {};
  ConvertedKeys passive_health = {};
  std::vector<ConvertedKeys> endpoints = {};
};

class Converted {
 public:
  // `file`: in the notes.
  explicit Converted(std::string_view file) : file_(file) {}

  ConvertedKeys runtime;
  ConvertedKeys limits;
  ConvertedKeys shutdown;
  ConvertedKeys timeouts;  // of `defaults`
  std::vector<ConvertedListener> listeners;
  std::vector<ConvertedUpstream> upstreams;

  ConvertedUpstream* Find(std::string_view name);  // null: there is none

  // Something at `line` is not in the result, or means another thing there. Told twice it is one.
  void Note(int line, std::string_view what);

  // Tells of a file that is longer than what is read of one: its end is not in `text`.
  bool IsTooLarge(std::string_view text);

  // Leaves out what cannot be: listeners and routes without an upstream, upstreams without
  // endpoints or without a listener, addresses that others have in them.
  void Finish();

  std::string ToYaml() const;
  std::vector<std::string> TakeNotes();  // by line

 private:
  void LeaveOut();
  void BindBothFamilies();
  void TellParts();
  bool IsUsed(const std::string& upstream) const;

  const std::string file_;
  std::vector<std::pair<int, std::string>> notes_;
};

// In double quotes, as YAML has it.
std::string YamlQuoted(std::string_view text);

// Bytes as a text in YAML, or as { hex: … } where they are none.
std::string BytesYaml(std::string bytes);

// ["a", "b"]
std::string YamlList(const std::vector<std::string>& items);

// A name as `name` takes it: other characters are dashes.
std::string ConvertedName(std::string_view text);

// The words of a line of theirs, for a note.
std::string JoinedWords(const std::vector<std::string>& words);

// What the words of another proxy become; `text` is the whole file. One beyond kMaxFileBytes
// (conf/sources.h) becomes nothing.
Converted ConvertHaproxy(std::string_view text, std::string_view file);
Converted ConvertNginx(std::string_view text, std::string_view file);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_CONVERTED_H_
