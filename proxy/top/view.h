// A view of a running process that fills the terminal: `sluice top`, `sluice tasks`.
//
//     return RunView<TopModel>({.name = "sluice top", .help = kHelp, .interval = 2s}, words, env,
//                              refresh, on_key);
//
// `refresh(asker, model, now)` asks and hands over what comes; returns what is wrong.
// `on_key(asker, model, key)` returns true if the model is to be refreshed at once.
#ifndef SLUICE_PROXY_TOP_VIEW_H_
#define SLUICE_PROXY_TOP_VIEW_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/time.h"
#include "proxy/ctl/ctl.h"
#include "proxy/ctl/find_process.h"
#include "proxy/ctl/options.h"
#include "proxy/top/asker.h"
#include "proxy/top/terminal.h"

namespace sluice::proxy {

struct View {
  std::string_view name;
  std::string_view help;
  core::Duration interval{};  // from one refresh to the next
};

template <typename Model, typename Refresh, typename OnKey>
void ShowUntilOver(const View& view, Terminal& terminal, const TopAsker& asker, Model& model,
                   Refresh refresh, OnKey on_key) {
  const core::MonotonicClock clock;
  core::Instant next = clock.Now() + view.interval;
  while (!model.is_over() && !terminal.is_gone()) {
    if (clock.Now() >= next || model.needs_list()) {
      const absl::Status refreshed = refresh(asker, model, clock.Now());
      if (!refreshed.ok()) model.TakeTrouble(std::string(refreshed.message()));
      next = clock.Now() + view.interval;
    }
    model.SetSize(terminal.size());
    terminal.Show(model.Draw());
    if (on_key(asker, model, terminal.Read(next - clock.Now()))) next = clock.Now();
  }
}

// Reads the command line, asks once, takes the terminal, and shows until the model is over or the
// terminal has gone.
template <typename Model, typename Refresh, typename OnKey>
CtlResult RunView(const View& view, const std::vector<std::string>& words, const CtlEnv& env,
                  Refresh refresh, OnKey on_key) {
  constexpr int kFailed = 1;
  constexpr int kWrong = 2;
  const auto failed = [](const absl::Status& status) {
    return CtlResult{.code = kFailed, .error = absl::StrCat(std::string(status.message()), "\n")};
  };
  const std::string name(view.name);
  CtlSettings options;
  std::string wrong = ReadCtlOptions(words, options);
  if (options.help && wrong.empty()) return {.output = std::string(view.help)};
  const bool has_others = options.json || options.follow || options.watch || !options.words.empty();
  if (wrong.empty() && has_others) wrong = "it takes --admin, --token-file and --config alone";
  if (!wrong.empty()) {
    return {.code = kWrong, .error = absl::StrCat(wrong, ". See ", name, " --help.\n")};
  }
  if (const absl::Status found = FindProcess(env, options); !found.ok()) return failed(found);
  const TopAsker asker(options);
  Model model;
  // Before it takes the terminal: what is wrong stays to be read.
  const absl::Status asked = refresh(asker, model, core::MonotonicClock().Now());
  if (!asked.ok()) return failed(asked);
  const absl::StatusOr<std::unique_ptr<Terminal>> terminal =
      Terminal::Open(/*with_colours=*/env("NO_COLOR").empty(), name);
  if (!terminal.ok()) return failed(terminal.status());
  ShowUntilOver(view, **terminal, asker, model, refresh, on_key);
  return {};
}

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_VIEW_H_
