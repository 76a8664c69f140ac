#include "conf/access_files.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kLineForm =
    "\"allow\" or \"deny\", then a network, then a comment after # if you like";

// What was cut short while it was written must not let in every client.
constexpr std::string_view kEmpty =
    "the file is empty and would let in every client; one that is meant to has a comment, such as "
    "\"# none\"";

bool IsBlank(std::string_view text) {
  return WithoutByteOrderMark(text).find_first_not_of(" \t\r\n") == text.npos;
}

std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

int ColumnOf(std::string_view word, std::string_view line) {
  return static_cast<int>(word.data() - line.data()) + 1;
}

// False: the line has no rule, or one that is wrong.
bool ParseLine(std::string_view line, int number, AccessRule& rule, Errors& errors) {
  std::string_view rest = line.substr(0, line.find('#'));
  const std::string_view verb = TakeWord(rest);
  if (verb.empty()) return false;
  const auto fail = [&](std::string_view word, std::string_view message, std::string_view allowed) {
    errors.Add({.line = number, .column = ColumnOf(word, line)}, WithAllowed(message, allowed));
    return false;
  };
  if (verb != "allow" && verb != "deny") {
    const bool is_network = core::Network::Parse(verb).ok();
    return fail(verb,
                is_network ? Cat("neither \"allow\" nor \"deny\" stands before ", Quoted(verb))
                           : Cat(Quoted(verb), " is neither \"allow\" nor \"deny\""),
                kLineForm);
  }
  const std::string_view text = TakeWord(rest);
  if (text.empty()) return fail(text, Cat("no network follows ", Quoted(verb)), kLineForm);
  const absl::StatusOr<core::Network> network = core::Network::Parse(text);
  if (!network.ok()) return fail(text, Message(network.status()), core::Network::kForms);
  const std::string_view more = TakeWord(rest);
  if (!more.empty()) return fail(more, Cat(Quoted(more), " follows the network"), kLineForm);
  rule = {.network = *network, .allows = verb == "allow", .line = static_cast<uint32_t>(number)};
  return true;
}

class FileReader {
 public:
  FileReader(const Positions& positions, Errors& errors, Sources& sources)
      : positions_(positions), errors_(errors), sources_(sources) {}

  void Read(Access& access, std::string_view key) {
    for (size_t i = 0; i < access.files.size(); ++i) {
      AccessFile& file = access.files[i];
      if (file.path.empty()) continue;  // it could not be read, which is an error by itself
      const Position at = positions_.At(Cat(key, ".files[", i, "]"));
      const std::string path = RelativeTo(errors_.files()[static_cast<size_t>(at.file)], file.path);
      const auto [found, is_new] = read_.try_emplace(path);
      if (is_new) found->second = ReadFile(path, at);
      file.rules = found->second.rules;
      file.digest = found->second.digest;
      std::error_code error;
      file.place = std::filesystem::absolute(path, error).string();
    }
  }

 private:
  struct ReadRules {
    std::shared_ptr<const std::vector<AccessRule>> rules;
    size_t digest = 0;
  };

  // Of the rules as clients meet them: a comment, or a line that moves, makes no difference.
  static size_t DigestOf(const std::vector<AccessRule>& rules) {
    std::string text;
    for (const AccessRule& rule : rules) {
      text += Cat(rule.allows ? "allow " : "deny ", rule.network.ToString(), "\n");
    }
    return std::hash<std::string>()(text);
  }

  ReadRules ReadFile(const std::string& path, Position at) {
    auto rules = std::make_shared<std::vector<AccessRule>>();
    const FileText file = ReadSource(path, sources_, kMaxAccessFileBytes);
    const auto fail = [&](std::string_view why) {
      errors_.Add(at, Cat("access list ", "\"", Printable(path), "\": ", why));
    };
    if (file.error != 0) {
      fail(WhyUnreadable(path, file.error));
    } else if (file.text.size() > kMaxAccessFileBytes) {
      fail(Cat("the file is larger than the limit of ", kMaxAccessFileBytes, " bytes"));
    } else {
      Errors found(path);
      *rules = ParseAccessRules(file.text, found);
      if (!found.empty()) {
        errors_.AddAll(found.Take(), errors_.AddFile(path));
      } else if (IsBlank(file.text)) {
        fail(kEmpty);
      }
    }
    const size_t digest = DigestOf(*rules);
    return {.rules = std::move(rules), .digest = digest};
  }

  const Positions& positions_;
  Errors& errors_;
  Sources& sources_;
  std::map<std::string, ReadRules> read_;  // by path
};

}  // namespace

std::vector<AccessRule> ParseAccessRules(std::string_view text, Errors& errors) {
  std::vector<AccessRule> rules;
  int number = 0;
  text = WithoutByteOrderMark(text);
  while (!text.empty() && !errors.many()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    AccessRule rule;
    if (ParseLine(line, ++number, rule, errors)) rules.push_back(rule);
  }
  return rules;
}

void ReadAccessFiles(Config& config, const Positions& positions, Errors& errors, Sources& sources) {
  FileReader reader(positions, errors, sources);
  reader.Read(config.access, "access");
  reader.Read(config.defaults.access, "defaults.access");
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const std::string key = Cat("listeners[", i, "].access");
    const bool has_own = positions.all().contains(Cat(key, ".files"));
    reader.Read(config.listeners[i].access, has_own ? key : "defaults.access");
  }
}

}  // namespace sluice::conf
