#include "proxy/app/subcommands.h"

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "conf/converted.h"
#include "conf/json_schema.h"
#include "conf/load.h"
#include "conf/sources.h"
#include "conf/text/env.h"
#include "conf/text/text.h"
#include "proxy/app/exit.h"
#include "proxy/app/flags.h"
#include "proxy/ctl/completion.h"
#include "proxy/ctl/ctl.h"
#include "proxy/top/tasks.h"
#include "proxy/top/top.h"

namespace sluice::proxy {
namespace {

using Words = std::vector<std::string>;  // of the command line, behind the name

std::string Variable(const char* name) { return conf::ProcessEnv()(name).value_or(""); }

int Finish(const CtlResult& result) {
  std::fputs(result.error.c_str(), stderr);
  if (result.output.empty()) return result.code;
  const int printed = PrintAndExit(result.output);
  return result.code != kExitOk ? result.code : printed;
}

int AskRunningProcess(const Words& words) { return Finish(RunCtl(words, &Variable)); }

int WatchRunningProcess(const Words& words) { return Finish(RunTop(words, &Variable)); }

int WatchTasks(const Words& words) { return Finish(RunTasks(words, &Variable)); }

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

// The result on standard output, what does not map on standard error.
int Convert(const Words& words) {
  const bool is_haproxy = !words.empty() && words[0] == "haproxy";
  if (words.size() != 2 || (!is_haproxy && words[0] != "nginx")) {
    return Complain("allowed: sluice convert haproxy|nginx FILE", kExitUsage);
  }
  conf::Sources sources;
  const conf::FileText file = conf::ReadSource(words[1], sources);
  if (file.error != 0) {
    return Complain(
        conf::Cat(conf::Printable(words[1]), ": ", conf::WhyUnreadable(words[1], file.error)));
  }
  conf::Converted converted = is_haproxy ? conf::ConvertHaproxy(file.text, words[1])
                                         : conf::ConvertNginx(file.text, words[1]);
  for (const std::string& note : converted.TakeNotes()) std::fprintf(stderr, "%s\n", note.c_str());
  if (converted.listeners.empty()) return Complain("nothing of it can be converted");
  const std::string result = converted.ToYaml();
  // Values that are allowed there and not here are in it as they were.
  for (const auto& error : conf::LoadString(result, "", conf::ProcessEnv()).errors) {
    std::fprintf(stderr, "%s: note: sluice --check rejects line %d of the result: %s\n",
                 conf::Printable(words[1]).c_str(), error.at.line, error.message.c_str());
  }
  return PrintAndExit(result);
}

constexpr struct {
  std::string_view name;
  int (*run)(const Words& words);
} kFunctions[] = {{"ctl", AskRunningProcess}, {"completion", PrintCompletion},
                  {"convert", Convert},       {"schema", PrintSchema},
                  {"tasks", WatchTasks},      {"top", WatchRunningProcess}};

}  // namespace

std::optional<int> RunSubcommand(int argc, char** argv) {
  for (const auto& [name, run] : kFunctions) {
    if (argc < 2 || name != argv[1]) continue;
    // It asks to reopen the access log, and may go to all processes of a service: one of these may
    // be among them, such as a `sluice ctl reload` that the service manager waits for.
    std::signal(SIGUSR1, SIG_IGN);
    return run({argv + 2, argv + argc});
  }
  return std::nullopt;
}

}  // namespace sluice::proxy
