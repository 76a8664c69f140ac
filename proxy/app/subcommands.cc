#include "proxy/app/subcommands.h"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/json_schema.h"
#include "conf/text/env.h"
#include "conf/text/text.h"
#include "proxy/app/exit.h"
#include "proxy/app/flags.h"
#include "proxy/ctl/completion.h"
#include "proxy/ctl/ctl.h"

namespace sluice::proxy {
namespace {

using Words = std::vector<std::string>;  // of the command line, behind the name

int AskRunningProcess(const Words& words) {
  const CtlResult result =
      RunCtl(words, [](const char* name) { return conf::ProcessEnv()(name).value_or(""); });
  std::fputs(result.error.c_str(), stderr);
  if (result.output.empty()) return result.code;
  const int printed = PrintAndExit(result.output);
  return result.code != kExitOk ? result.code : printed;
}

int PrintCompletion(const Words& words) {
  CommandLine line{.words = {}, .options = LongOptions()};
  for (const Subcommand& each : Subcommands()) {
    line.words.push_back({std::string(each.name), std::string(each.help)});
  }
  const absl::StatusOr<std::string> script =
      CompletionScript(words.size() == 1 ? words[0] : "", line);
  if (script.ok()) return PrintAndExit(*script);
  return Complain(std::string(script.status().message()), kExitUsage);
}

int PrintSchema(const Words& words) {
  if (words.empty()) return PrintAndExit(conf::JsonSchema());
  return Complain(
      conf::Cat("unexpected argument ", conf::Printable(words[0]), ": sluice schema takes none"),
      kExitUsage);
}

constexpr struct {
  std::string_view name;
  int (*run)(const Words& words);
} kFunctions[] = {
    {"ctl", AskRunningProcess}, {"completion", PrintCompletion}, {"schema", PrintSchema}};

}  // namespace

std::optional<int> RunSubcommand(int argc, char** argv) {
  for (const auto& [name, run] : kFunctions) {
    if (argc > 1 && name == argv[1]) return run({argv + 2, argv + argc});
  }
  return std::nullopt;
}

}  // namespace sluice::proxy
