// How TopModel looks.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "conf/text/text.h"
#include "proxy/ctl/table.h"
#include "proxy/top/cells.h"
#include "proxy/top/model.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kHelp[] = {
    "up down PgUp PgDn Home End   choose (also j k)",
    "Enter                        from a listener to its upstreams, endpoints, sessions",
    "Esc                          back",
    "1 2 3 4                      all listeners, upstreams, endpoints, sessions",
    "s                            the sessions of what is chosen",
    "left right (or < >)          sort by another column",
    "r                            the other way round",
    "/                            only the sessions of a client, by its address",
    "",
    "d  m  a                      of an endpoint: drain, maintenance, ready again",
    "w                            of an endpoint: another weight",
    "x                            kill a session",
    "R                            reload the configuration's file",
    "                             all of these ask first",
    "q                            quit"};

double RateOf(const JsonValue& now, const JsonValue& before, std::string_view key, double seconds) {
  return static_cast<double>(std::max<int64_t>(now[key].number - before[key].number, 0)) / seconds;
}

}  // namespace

TopLine TopModel::StateLine() const {
  if (!info_) return {{"sluice", TopLook::kBold}, {"  asking the proxy ...", TopLook::kQuiet}};
  const JsonValue& info = *info_;
  TopLine line = {{absl::StrCat("sluice ", info["version"].Line()), TopLook::kBold}, {"  "}};
  if (!trouble_.empty()) {
    line.push_back({absl::StrCat("NO ANSWER since ", clock_, ": ", trouble_), TopLook::kBad});
    return line;
  }
  const bool is_ready = info["ready"].flag;
  const bool serves = is_ready && info["state"].text == "serving";
  line.push_back({absl::StrCat(info["state"].Line(), is_ready ? ", ready" : ", not ready"),
                  serves ? TopLook::kGood : TopLook::kWarn});
  if (!is_ready) {
    line.push_back({absl::StrCat(": ", info["not_ready_because"].Line()), TopLook::kWarn});
  }
  const std::string end = absl::StrCat("  as of ", clock_);
  size_t left = size_.columns;
  for (const TopText& each : line) left -= std::min(left, WidthOf(each.text));
  left -= std::min(left, WidthOf(end));
  // As many of them as there is a place for.
  for (const std::string& fact :
       {absl::StrCat("  up ", HumanSeconds(info["uptime_s"].number)),
        absl::StrCat("  ", info["backend"].Line(), ", workers: ", info["workers"].Line()),
        absl::StrCat("  process ", info["pid"].Line())}) {
    if (WidthOf(fact) > left) break;
    left -= WidthOf(fact);
    line.push_back({fact});
  }
  line.push_back({std::string(left, ' ') + end, TopLook::kQuiet});
  return line;
}

TopLine TopModel::TotalsLine() const {
  if (!info_) return {};
  const JsonValue& info = *info_;
  int64_t rejected = 0;
  for (const auto& [key, count] : info["rejections"].fields) rejected += count.number;
  std::string text = absl::StrCat("sessions ", info["sessions_active"].Line(), " of ",
                                  info["max_connections"].Line());
  if (info_before_ && info_seconds_ > 0) {
    const auto rate = [&](std::string_view key) {
      return RateOf(info, *info_before_, key, info_seconds_);
    };
    absl::StrAppendFormat(&text, "   new %.1f/s   up %s   down %s", rate("sessions_total"),
                          HumanRate(rate("bytes_up")), HumanRate(rate("bytes_down")));
  }
  TopLine line = {{std::move(text)}};
  line.push_back(
      {absl::StrCat("   rejected ", rejected), rejected > 0 ? TopLook::kWarn : TopLook::kPlain});
  if (!info["config_pending"].items.empty()) {
    line.push_back(
        {absl::StrCat("   waits for a restart: ", info["config_pending"].Line()), TopLook::kWarn});
  }
  return line;
}

TopLine TopModel::PathLine() const {
  std::string path;
  for (const View& each : views_) {
    absl::StrAppend(&path, path.empty() ? "" : " > ", std::string(Name(each.list)));
    const std::string of = !each.endpoint.empty()   ? each.upstream + "/" + each.endpoint
                           : !each.upstream.empty() ? each.upstream
                                                    : each.listener;
    if (!of.empty()) absl::StrAppend(&path, " of ", conf::Printable(of));
    if (!each.client.empty()) absl::StrAppend(&path, " from ", conf::Printable(each.client));
  }
  std::string count = absl::StrCat("   ", rows_.size());
  if (view().list == TopList::kSessions && rows_.size() == kMostSessions) {
    count = absl::StrCat("   the first ", rows_.size());
  }
  if (needs_list_) count = "   ...";
  return {{std::move(path), TopLook::kBold}, {std::move(count), TopLook::kQuiet}};
}

TopLine TopModel::LastLine() const {
  switch (mode_) {
    case Mode::kAsking: {
      const std::string end = " [y/N] ";
      const size_t room = size_.columns > end.size() ? size_.columns - end.size() : 0;
      return {{Cut(question_, room), TopLook::kBold}, {end, TopLook::kReverse}};
    }
    case Mode::kTypingFilter:
      return {{"client: ", TopLook::kBold}, {typed_ + "_"}};
    case Mode::kTypingWeight:
      return {{"weight, 0 to 256: ", TopLook::kBold}, {typed_ + "_"}};
    case Mode::kBrowsing:
    case Mode::kHelp:
      break;
  }
  if (!message_.empty()) return {{message_, message_look_}};
  constexpr std::string_view kKeys[kTopListCount] = {
      "Enter upstreams  s sessions  < > sort  r reverse  R reload  ? help  q quit",
      "Enter endpoints  s sessions  < > sort  r reverse  Esc back  ? help  q quit",
      "Enter sessions  d drain  m maintenance  a ready  w weight  ? help  q quit",
      "x kill  / client  < > sort  r reverse  Esc back  ? help  q quit"};
  return {{std::string(kKeys[static_cast<size_t>(view().list)]), TopLook::kQuiet}};
}

// The rows around the one that is chosen, under their headings.
void TopModel::DrawRows(std::vector<TopLine>& lines) const {
  const TopPage page = PageOf(view().index, rows_.size(), PageRows());
  std::vector<TopCells> columns;
  for (const TopColumn& column : ColumnsOf(view().list)) {
    TopCells cells = {.title = std::string(column.title),
                      .rank = column.rank,
                      .is_number = column.number != nullptr,
                      .is_sorted = view().sort == columns.size(),
                      .is_reversed = view().is_reversed,
                      .cells = {}};
    for (size_t i = 0; i < page.count; ++i) {
      const TopRow row = RowOf(*rows_[page.first + i]);
      TopCells::Cell& cell = cells.cells.emplace_back(TopCells::Cell{.text = column.text(row)});
      if (column.look != nullptr) cell.look = column.look(row);
    }
    columns.push_back(std::move(cells));
  }
  const bool has_trips = view().sort && ColumnsOf(view().list)[*view().sort].order == "round_trip";
  if (view().list == TopList::kSessions && !has_trips) columns.pop_back();  // not asked for
  AppendCells(std::move(columns), page.chosen, size_.columns, lines);
  if (rows_.empty() && !needs_list_) lines.push_back({{"  there are none", TopLook::kQuiet}});
}

std::vector<TopLine> TopModel::Draw() const {
  std::vector<TopLine> lines;
  if (mode_ == Mode::kHelp) {
    lines = HelpLines("Keys of sluice top", kHelp);
  } else {
    lines = {StateLine(), TotalsLine(), PathLine()};
    DrawRows(lines);
    lines.resize(size_.rows > 0 ? size_.rows - 1 : 0);
    lines.push_back(LastLine());
  }
  lines.resize(size_.rows);
  for (TopLine& line : lines) line = Fitted(std::move(line), size_.columns);
  return lines;
}

}  // namespace sluice::proxy
