// The commands of `sluice ctl`: one table, from which the help, the requests and the completions of
// shells are made.
#ifndef SLUICE_PROXY_CTL_COMMANDS_H_
#define SLUICE_PROXY_CTL_COMMANDS_H_

#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "proxy/ctl/json.h"

namespace sluice::proxy {

struct CtlCommand {
  std::string_view name;
  // Behind the name, for people: "UPSTREAM/NAME N"; "": nothing. Words in capitals stand for
  // others; those in brackets may be left out.
  std::string_view words = "";
  std::string_view help;  // lines
  std::string_view method;
  // `{}` stands for the next word, `{e}` for UPSTREAM/NAME.
  std::string_view target;
  std::string (*text)(const JsonValue&) = nullptr;  // null: the answer is text already
  // Keys that may follow, as KEY=VALUE: "wait=drained timeout=". What is behind the = are the
  // values that there are, with | between them.
  std::string_view parameters = "";
  // What the first word may be, for shells: "stop"; "": another thing.
  std::string_view values = "";
  core::Duration patience = 10s;
  // Only with parameters; without them it is done at once.
  core::Duration patience_with_parameters = 10s;
};

inline constexpr core::Duration kLongPatience = 24h;  // the process answers when it is done

// In the order in which people see them. The forms of one name differ in how many words they take.
std::span<const CtlCommand> CtlCommands();

struct CtlOption {
  std::string_view name;   // "--watch"
  std::string_view value;  // "ADDRESS", "[=TIME]"; "": it takes none
  std::string_view help;   // lines
};
std::span<const CtlOption> CtlOptions();

// The usage of all commands and options.
std::string CtlHelp();

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_COMMANDS_H_
