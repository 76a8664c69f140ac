#include "proxy/ctl/request.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "proxy/admin/http/target.h"
#include "proxy/ctl/commands.h"

namespace sluice::proxy {

namespace {

size_t WordsOf(std::string_view target) {
  return static_cast<size_t>(std::ranges::count(target, '{'));
}

absl::Status UnknownCommand(const std::string& name) {
  std::vector<std::string> names;
  for (const CtlCommand& each : CtlCommands()) names.emplace_back(each.name);
  const std::optional<std::string> nearest = conf::Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no command ", conf::Printable(name),
                   nearest ? absl::StrCat(": did you mean ", *nearest, "?") : ""));
}

bool IsParameter(const std::string& word) { return word.find('=') != word.npos; }

// Behind the words that a form needs come its parameters, if it has any.
bool Fits(const CtlCommand& form, std::span<const std::string> words) {
  const size_t needed = WordsOf(form.target);
  if (words.size() < needed || (words.size() > needed && form.parameters.empty())) return false;
  return std::ranges::all_of(words.subspan(needed), IsParameter);
}

// The first form of a command that fits, else one that tells how it is used; none: it is not known.
const CtlCommand* FindCommand(std::string_view name, std::span<const std::string> words) {
  const CtlCommand* nearest = nullptr;
  for (const CtlCommand& each : CtlCommands()) {
    if (each.name != name) continue;
    if (Fits(each, words)) return &each;
    if (nearest == nullptr || nearest->words.empty()) nearest = &each;
  }
  return nearest;
}

absl::Status Misused(const CtlCommand& command) {
  return absl::InvalidArgumentError(
      command.words.empty()
          ? absl::StrCat(std::string(command.name), " takes no argument")
          : absl::StrCat("it is: ", std::string(command.name), " ", std::string(command.words)));
}

absl::StatusOr<std::string> TargetOf(const CtlCommand& command,
                                     std::span<const std::string> words) {
  std::string target;
  std::string_view rest = command.target;
  for (const std::string& word : words) {
    const size_t mark = rest.find('{');
    absl::StrAppend(&target, std::string(rest.substr(0, mark)));
    if (rest.substr(mark).starts_with("{e}")) {
      const size_t slash = word.find('/');
      if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat(conf::Printable(word),
                         " is no endpoint: it is named UPSTREAM/NAME, as endpoints shows"));
      }
      absl::StrAppend(&target, PercentEncoded(word.substr(0, slash)), "/",
                      PercentEncoded(word.substr(slash + 1)));
    } else {
      absl::StrAppend(&target, PercentEncoded(word));
    }
    rest = rest.substr(rest.find('}', mark) + 1);
  }
  return absl::StrCat(target, std::string(rest));
}

}  // namespace

absl::StatusOr<CtlRequest> CtlRequestOf(std::vector<std::string> words) {
  std::string name = words[0];
  words.erase(words.begin());
  if (name == "shed" && words.size() == 3 && words[1] == "over") words.erase(words.begin() + 1);
  if (name == "shed" && words == std::vector<std::string>{"stop"}) {
    name = "shed stop";
    words.clear();
  }
  const CtlCommand* const command = FindCommand(name, words);
  if (command == nullptr) return UnknownCommand(name);
  const bool means_all = name == "kill" && words.empty();
  if (!Fits(*command, words) || means_all) return Misused(*command);
  const size_t needed = WordsOf(command->target);
  const std::span<const std::string> parameters = std::span(words).subspan(needed);
  absl::StatusOr<std::string> target = TargetOf(*command, std::span(words).first(needed));
  if (!target.ok()) return target.status();
  for (const std::string& each : parameters) {
    const size_t equals = each.find('=');
    absl::StrAppend(&*target, target->find('?') == std::string::npos ? "?" : "&",
                    PercentEncoded(each.substr(0, equals)), "=",
                    PercentEncoded(each.substr(equals + 1)));
  }
  return CtlRequest{
      .command = command->name,
      .method = command->method,
      .target = *std::move(target),
      .text = command->text,
      .tells_by_code = command->target == "/readyz",
      .patience = parameters.empty() ? command->patience : command->patience_with_parameters};
}

}  // namespace sluice::proxy
