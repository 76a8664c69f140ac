// How TasksModel looks.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "conf/text/text.h"
#include "proxy/ctl/table.h"
#include "proxy/top/cells.h"
#include "proxy/top/tasks_model.h"

namespace sluice::proxy {
namespace {

// A task that has kept its worker for longer delays all others there.
constexpr int64_t kLongMicros = 10'000;
constexpr int64_t kStuckMicros = 1'000'000;
constexpr size_t kLabel = 12;  // width of what stands in front of a fact

constexpr std::string_view kHelp[] = {
    "up down PgUp PgDn Home End   choose (also j k)",
    "Enter                        all of a task; of a resource, the tasks that wait for it",
    "Esc                          back",
    "1 2 3                        tasks, resources, how long runs take",
    "left right (or < >)          sort by another column",
    "r                            the other way round",
    "/                            only tasks with this in their name or place",
    "q                            quit",
    "",
    "running    a worker runs it now: the time says how long nothing else ran there",
    "ready      it waits for its worker",
    "waiting    for what WAITS FOR says",
    "CPU%       of one CPU, since the last look",
    "LONGEST    the longest that it kept a worker at a time"};

TopLook LookOf(const JsonValue& task) {
  if (task["state"].text != "running") return TopLook::kPlain;
  const int64_t micros = task["in_state_us"].number;
  if (micros >= kStuckMicros) return TopLook::kBad;
  return micros >= kLongMicros ? TopLook::kWarn : TopLook::kGood;
}

std::string NameOf(const JsonValue& task) {
  const std::string& name = task["name"].text;
  return absl::StrCat("task ", task["id"].Line(), name.empty() ? "" : " ", name);
}

// "url=/a try=2"
std::string FieldsOf(const JsonValue& fields) {
  std::string text;
  for (const auto& [key, value] : fields.fields) {
    absl::StrAppend(&text, text.empty() ? "" : " ", key, "=", value.Line());
  }
  return text;
}

}  // namespace

TopLine TasksModel::StateLine() const {
  TopLine line = {{absl::StrCat("sluice tasks of process ", answer_["pid"].Line()), TopLook::kBold},
                  {"  "}};
  if (!trouble_.empty()) {
    line.push_back({absl::StrCat("NO ANSWER since ", clock_, ": ", trouble_), TopLook::kBad});
    return line;
  }
  line.push_back(
      {absl::StrCat("watched for ", HumanSeconds(answer_["watched_us"].number / 1000000))});
  const std::string end = absl::StrCat("  as of ", clock_);
  size_t left = size_.columns;
  for (const TopText& each : line) left -= std::min(left, WidthOf(each.text));
  left -= std::min(left, WidthOf(end));
  line.push_back({std::string(left, ' ') + end, TopLook::kQuiet});
  return line;
}

TopLine TasksModel::TotalsLine() const {
  const JsonValue* longest = nullptr;
  for (const JsonValue& task : answer_["tasks"].items) {
    if (task["state"].text != "running") continue;
    if (longest == nullptr || task["in_state_us"].number > (*longest)["in_state_us"].number) {
      longest = &task;
    }
  }
  const int64_t slow = answer_["slow_polls"].number;
  TopLine line = {{absl::StrCat("tasks ", answer_["tasks_total"].Line())}};
  line.push_back(
      {absl::StrCat("   slow runs ", slow), slow > 0 ? TopLook::kWarn : TopLook::kPlain});
  if (answer_["unwatched"].number > 0) {
    line.push_back({absl::StrCat("   not watched ", answer_["unwatched"].Line()), TopLook::kWarn});
  }
  if (longest != nullptr) {
    line.push_back({absl::StrCat("   worker ", (*longest)["worker"].Line(), " runs ",
                                 conf::Printable(NameOf(*longest)), " for ",
                                 HumanMicros((*longest)["in_state_us"].number)),
                    LookOf(*longest)});
  }
  return line;
}

TopLine TasksModel::PathLine() const {
  std::string path;
  for (const View& each : views_) {
    absl::StrAppend(&path, path.empty() ? "" : " > ");
    switch (each.page) {
      case Page::kTasks:
        absl::StrAppend(&path, "tasks");
        if (!each.resource.empty()) absl::StrAppend(&path, " that wait for ", each.resource);
        break;
      case Page::kTask:
        absl::StrAppend(&path, "task ", each.task);
        break;
      case Page::kResources:
        absl::StrAppend(&path, "resources");
        break;
      case Page::kTimes:
        absl::StrAppend(&path, "how long runs take");
    }
  }
  if (!filter_.empty()) absl::StrAppend(&path, " with ", conf::Printable(filter_));
  std::string count = absl::StrCat("   ", rows_.size());
  if (view().page == Page::kTasks && rows_.size() == kMostTasks) {
    count = absl::StrCat("   the first ", rows_.size());
  }
  if (view().page == Page::kResources) {
    const auto total = static_cast<size_t>(answer_["resources_total"].number);
    if (total > rows_.size()) {
      count = absl::StrCat("   the first ", rows_.size(), " of ", total);
    }
  }
  if (view().page == Page::kTask || view().page == Page::kTimes) count = "";
  if (needs_list_) count = "   ...";
  return {{std::move(path), TopLook::kBold}, {std::move(count), TopLook::kQuiet}};
}

TopLine TasksModel::LastLine() const {
  if (mode_ == Mode::kTyping) {
    return {{"name or place: ", TopLook::kBold}, {typed_ + "_"}};
  }
  if (view().page == Page::kTasks) {
    return {{"Enter more  / filter  < > sort  r reverse  2 resources  3 times  ? help  q quit",
             TopLook::kQuiet}};
  }
  return {{"1 tasks  2 resources  3 times  Enter more  Esc back  ? help  q quit", TopLook::kQuiet}};
}

// The rows around the one that is chosen, under their headings.
void TasksModel::DrawTasks(std::vector<TopLine>& lines) const {
  const TopPage page = PageOf(view().index, rows_.size(), PageRows());
  std::vector<TopCells> columns;
  for (const TopColumn& column : Columns()) {
    TopCells cells = {.title = std::string(column.title),
                      .rank = column.rank,
                      .is_number = column.number != nullptr && column.title != "STATE",
                      .is_sorted = sort_ == columns.size(),
                      .is_reversed = is_reversed_,
                      .cells = {}};
    for (size_t i = 0; i < page.count; ++i) {
      const JsonValue& task = *rows_[page.first + i];
      TopCells::Cell& cell =
          cells.cells.emplace_back(TopCells::Cell{.text = column.text(RowOf(task))});
      if (column.title == "STATE" && task["state"].text == "running") cell.look = LookOf(task);
    }
    columns.push_back(std::move(cells));
  }
  AppendCells(std::move(columns), page.chosen, size_.columns, lines);
  if (rows_.empty() && !needs_list_) lines.push_back({{"  there are none", TopLook::kQuiet}});
}

void TasksModel::DrawTask(std::vector<TopLine>& lines) const {
  const JsonValue* const found = FindTask(view().task);
  if (found == nullptr) {
    lines.push_back(
        {{"  it has ended, or is not among those that were asked for", TopLook::kQuiet}});
    return;
  }
  const JsonValue& task = *found;
  const auto micros = [&task](std::string_view key) { return HumanMicros(task[key].number); };
  const auto add = [&lines](std::string label, std::string text, TopLook look = TopLook::kPlain) {
    label.resize(kLabel, ' ');
    lines.push_back({{label, TopLook::kQuiet}, {conf::Printable(text), look}});
  };
  lines.push_back({});
  add("task", absl::StrCat(NameOf(task).substr(5), "   for ", micros("age_us")), TopLook::kBold);
  add("spawned at", absl::StrCat(task["file"].text, ":", task["line"].Line()));
  add("in", task["function"].Line());
  add("by", task["parent"].number == 0 ? "no task" : absl::StrCat("task ", task["parent"].Line()));
  add("state",
      absl::StrCat(task["state"].Line(), " for ", micros("in_state_us"), ", worker ",
                   task["worker"].Line()),
      LookOf(task));
  add("waits for", task["state"].text == "waiting" ? task["waits_for"].Line() : "-");
  if (!task["resource"].text.empty() && task["state"].text == "waiting") {
    std::string text = task["resource"].text;
    for (const JsonValue& resource : answer_["resources"].items) {
      if (resource["address"].text != text) continue;
      absl::StrAppend(&text, " ", resource["name"].text, ", as ", resource["waiting"].Line(),
                      " tasks do; held by ", HoldersOf(resource));
      break;
    }
    add("", text);
  }
  add("busy", absl::StrCat(micros("busy_us"), " in ", task["polls"].Line(), " runs, the longest ",
                           micros("longest_poll_us")));
  add("queued", micros("queued_us"));
  add("idle", micros("idle_us"));
  add("woken", absl::StrCat(task["wakes"].Line(), " times, last by ", task["woken_by"].Line()));
  for (const JsonValue& span : task["spans"].items) {
    add("in span", absl::StrCat(span["name"].Line(), " for ", HumanMicros(span["open_us"].number),
                                "  ", FieldsOf(span["fields"])));
  }
}

std::string TasksModel::HoldersOf(const JsonValue& resource) const {
  std::string text;
  for (const JsonValue& holder : resource["holders"].items) {
    absl::StrAppend(&text, text.empty() ? "" : ", ",
                    holder["task"].number == 0
                        ? "no watched task"
                        : absl::StrCat("task ", holder["task"].Line(),
                                       holder["name"].text.empty() ? "" : " ", holder["name"].text),
                    " for ", HumanMicros(holder["held_us"].number));
  }
  return text.empty() ? "-" : text;
}

void TasksModel::DrawResources(std::vector<TopLine>& lines) const {
  const TopPage page = PageOf(view().index, rows_.size(), PageRows());
  std::vector<TopCells> columns = {{.title = "WAITING", .is_number = true, .cells = {}},
                                   {.title = "NAME", .cells = {}},
                                   {.title = "AWAITED AS", .cells = {}},
                                   {.title = "HELD BY", .rank = 1, .cells = {}},
                                   {.title = "ADDRESS", .rank = 2, .cells = {}}};
  for (size_t i = 0; i < page.count; ++i) {
    const JsonValue& row = *rows_[page.first + i];
    columns[0].cells.push_back({.text = row["waiting"].Line()});
    columns[1].cells.push_back({.text = row["name"].Line()});
    columns[2].cells.push_back({.text = row["kind"].Line()});
    columns[3].cells.push_back({.text = HoldersOf(row)});
    columns[4].cells.push_back({.text = row["address"].Line()});
  }
  AppendCells(std::move(columns), page.chosen, size_.columns, lines);
  if (rows_.empty() && !needs_list_) lines.push_back({{"  there are none", TopLook::kQuiet}});
}

// As many of the buckets as there is a place for: those that have something, from the shortest on.
void TasksModel::DrawTimes(std::vector<TopLine>& lines) const {
  const std::vector<JsonValue>& buckets = answer_["poll_times"].items;
  int64_t most = 1;
  size_t first = buckets.size();
  size_t end = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const int64_t count = buckets[i]["count"].number;
    if (count == 0) continue;
    most = std::max(most, count);
    first = std::min(first, i);
    end = i + 1;
  }
  lines.push_back({{absl::StrFormat("  %-12s%12s", "A RUN TOOK", "RUNS"), TopLook::kBold}});
  for (size_t i = first; i < end; ++i) {
    const JsonValue& below = buckets[i]["below_us"];
    const int64_t count = buckets[i]["count"].number;
    const bool is_last = below.kind != JsonValue::Kind::kNumber;
    const std::string bound = is_last ? "longer" : absl::StrCat("< ", HumanMicros(below.number));
    const size_t room = size_.columns > 30 ? size_.columns - 30 : 1;
    const auto bar = static_cast<size_t>(static_cast<double>(room) * static_cast<double>(count) /
                                         static_cast<double>(most));
    const bool is_long = is_last || below.number > kLongMicros;
    lines.push_back(
        {{absl::StrFormat("  %-12s%12d  ", bound, count),
          is_long && count > 0 ? TopLook::kWarn : TopLook::kPlain},
         {std::string(std::max<size_t>(bar, count > 0 ? 1 : 0), '#'), TopLook::kQuiet}});
  }
  if (first >= end) lines.push_back({{"  none yet", TopLook::kQuiet}});
}

std::vector<TopLine> TasksModel::Draw() const {
  std::vector<TopLine> lines;
  if (mode_ == Mode::kHelp) {
    lines = HelpLines("Keys of sluice tasks, and what it says", kHelp);
  } else {
    lines = {StateLine(), TotalsLine(), PathLine()};
    if (view().page == Page::kTasks) DrawTasks(lines);
    if (view().page == Page::kTask) DrawTask(lines);
    if (view().page == Page::kResources) DrawResources(lines);
    if (view().page == Page::kTimes) DrawTimes(lines);
    lines.resize(size_.rows > 0 ? size_.rows - 1 : 0);
    lines.push_back(LastLine());
  }
  lines.resize(size_.rows);
  for (TopLine& line : lines) line = Fitted(std::move(line), size_.columns);
  return lines;
}

}  // namespace sluice::proxy
