#include "proxy/top/tasks_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proxy/admin/http/target.h"
#include "proxy/ctl/table.h"
#include "proxy/top/keys.h"

namespace sluice::proxy {
namespace {

using Kind = TopKey::Kind;
using Row = TopRow;

bool Runs(const JsonValue& task) { return task["state"].text == "running"; }

// With the run that is under way.
int64_t BusyMicros(const JsonValue& task) {
  return task["busy_us"].number + (Runs(task) ? task["in_state_us"].number : 0);
}
int64_t LongestMicros(const JsonValue& task) {
  return std::max(task["longest_poll_us"].number, Runs(task) ? task["in_state_us"].number : 0);
}
// Of one CPU, in percent, since the answer before.
double Share(const Row& row) {
  if (row.before == nullptr || row.seconds <= 0) return 0;
  const auto busy = static_cast<double>(BusyMicros(row.now) - BusyMicros(*row.before));
  return std::clamp(busy / row.seconds / 1e4, 0.0, 100.0);
}

std::string State(const Row& row) { return row.now["state"].Line(); }
std::string For(const Row& row) { return HumanMicros(row.now["in_state_us"].number); }
// Running before ready before waiting, and of these the longest first.
double StateRank(const Row& row) {
  const std::string& state = row.now["state"].text;
  const double rank = state == "running" ? 2 : state == "ready" ? 1 : 0;
  return rank * 1e15 + static_cast<double>(row.now["in_state_us"].number);
}
std::string WaitsFor(const Row& row) {
  return row.now["state"].text == "waiting" ? row.now["waits_for"].Line() : "";
}
std::string ShareText(const Row& row) {
  return row.before == nullptr ? "-" : absl::StrFormat("%.1f", Share(row));
}
std::string Busy(const Row& row) { return HumanMicros(BusyMicros(row.now)); }
double BusyNumber(const Row& row) { return static_cast<double>(BusyMicros(row.now)); }
std::string Longest(const Row& row) { return HumanMicros(LongestMicros(row.now)); }
double LongestNumber(const Row& row) { return static_cast<double>(LongestMicros(row.now)); }
std::string Polls(const Row& row) { return row.now["polls"].Line(); }
double PollsNumber(const Row& row) { return static_cast<double>(row.now["polls"].number); }
std::string Wakes(const Row& row) { return row.now["wakes"].Line(); }
double WakesNumber(const Row& row) { return static_cast<double>(row.now["wakes"].number); }
std::string Queued(const Row& row) { return HumanMicros(row.now["queued_us"].number); }
double QueuedNumber(const Row& row) { return static_cast<double>(row.now["queued_us"].number); }
std::string Age(const Row& row) { return HumanMicros(row.now["age_us"].number); }
double AgeNumber(const Row& row) { return static_cast<double>(row.now["age_us"].number); }
std::string Id(const Row& row) { return row.now["id"].Line(); }
double IdNumber(const Row& row) { return -static_cast<double>(row.now["id"].number); }
std::string NameText(const Row& row) { return row.now["name"].Line(); }
std::string Worker(const Row& row) { return row.now["worker"].Line(); }
std::string SpawnedAt(const Row& row) {
  return absl::StrCat(row.now["file"].text, ":", row.now["line"].Line());
}

// The first one is what the list is sorted by at first.
constexpr TopColumn kColumns[] = {
    {.title = "STATE", .text = State, .number = StateRank, .order = "state"},
    {.title = "FOR", .text = For, .number = StateRank, .order = "state"},
    {.title = "TASK", .text = Id, .number = IdNumber, .order = "id"},
    {.title = "NAME", .text = NameText, .order = "id"},
    {.title = "CPU%", .rank = 1, .text = ShareText, .number = Share, .order = "busy"},
    {.title = "BUSY", .rank = 3, .text = Busy, .number = BusyNumber, .order = "busy"},
    {.title = "LONGEST", .rank = 2, .text = Longest, .number = LongestNumber, .order = "longest"},
    {.title = "POLLS", .rank = 4, .text = Polls, .number = PollsNumber, .order = "polls"},
    {.title = "WAKES", .rank = 7, .text = Wakes, .number = WakesNumber, .order = "wakes"},
    {.title = "QUEUED", .rank = 6, .text = Queued, .number = QueuedNumber, .order = "queued"},
    {.title = "AGE", .rank = 6, .text = Age, .number = AgeNumber, .order = "age"},
    {.title = "WORKER", .rank = 8, .text = Worker, .order = "id"},
    {.title = "WAITS FOR", .rank = 1, .text = WaitsFor, .order = "state"},
    {.title = "SPAWNED AT", .rank = 5, .text = SpawnedAt, .order = "id"},
};

}  // namespace

std::span<const TopColumn> TasksModel::Columns() { return kColumns; }

std::string TasksModel::Target() const {
  std::string target = absl::StrCat("/api/v1/tasks?limit=", kMostTasks,
                                    "&order=", std::string(kColumns[sort_].order),
                                    is_reversed_ ? "&reversed=true" : "");
  if (!filter_.empty()) absl::StrAppend(&target, "&name=", PercentEncoded(filter_));
  return target;
}

void TasksModel::Take(JsonValue answer, core::Instant at, std::string clock) {
  // Another process begins to count again.
  const bool is_same = at_ && answer_["pid"].number == answer["pid"].number;
  seconds_ = is_same ? static_cast<double>((at - *at_).count()) / 1e9 : 0;
  before_ = is_same ? std::move(answer_) : JsonValue();
  answer_ = std::move(answer);
  at_ = at;
  clock_ = std::move(clock);
  trouble_.clear();
  needs_list_ = false;
  tasks_before_.clear();
  for (const JsonValue& task : before_["tasks"].items) tasks_before_[task["id"].number] = &task;
  Arrange();
}

TopRow TasksModel::RowOf(const JsonValue& task) const {
  const auto found = tasks_before_.find(task["id"].number);
  return {.now = task,
          .before = found == tasks_before_.end() ? nullptr : found->second,
          .seconds = seconds_};
}

std::string TasksModel::KeyOf(const JsonValue& row) {
  const JsonValue& address = row["address"];
  return address.kind == JsonValue::Kind::kText ? address.text : row["id"].Line();
}

const JsonValue* TasksModel::FindTask(int64_t id) const {
  for (const JsonValue& task : answer_["tasks"].items) {
    if (task["id"].number == id) return &task;
  }
  return nullptr;
}

// What was chosen stays so; if it has gone, what has taken its place is.
void TasksModel::Arrange() {
  rows_.clear();
  if (view().page == Page::kResources) {
    for (const JsonValue& each : answer_["resources"].items) rows_.push_back(&each);
  } else if (view().page == Page::kTasks) {
    for (const JsonValue& each : answer_["tasks"].items) {
      if (view().resource.empty() || each["resource"].text == view().resource) {
        rows_.push_back(&each);
      }
    }
    SortTasks();
  }
  const auto found =
      std::ranges::find(rows_, view().key, [](const JsonValue* row) { return KeyOf(*row); });
  // At first the top row is chosen, and stays the one that is at the top.
  const bool is_untouched = view().index == 0;
  Choose(is_untouched || found == rows_.end() ? view().index
                                              : static_cast<size_t>(found - rows_.begin()));
}

void TasksModel::SortTasks() {
  const TopColumn& column = kColumns[sort_];
  std::ranges::sort(rows_, [&](const JsonValue* a, const JsonValue* b) {
    if (is_reversed_) std::swap(a, b);
    // Else as the process has them.
    return ComesBefore(column, RowOf(*a), RowOf(*b)).value_or(a < b);
  });
}

void TasksModel::Choose(size_t index) {
  if (rows_.empty()) return;
  view().index = std::min(index, rows_.size() - 1);
  view().key = KeyOf(*rows_[view().index]);
}

void TasksModel::OnKey(TopKey key) {
  if (key.kind == Kind::kNone || key.kind == Kind::kResize) return;
  switch (mode_) {
    case Mode::kBrowsing:
      return Browse(key);
    case Mode::kTyping:
      return Type(key);
    case Mode::kHelp:
      mode_ = Mode::kBrowsing;
  }
}

void TasksModel::Browse(TopKey key) {
  if (const std::optional<size_t> index = MovedBy(key, view().index, PageRows())) {
    return Choose(*index);
  }
  switch (key.kind) {
    case Kind::kLeft:
      return NextSort(-1);
    case Kind::kRight:
      return NextSort(+1);
    case Kind::kEnter:
      return Open();
    case Kind::kEscape:
    case Kind::kBackspace:
      if (views_.size() > 1) views_.pop_back();
      return Arrange();
    case Kind::kText:
      return BrowseText(key.text);
    default:
      return;
  }
}

void TasksModel::BrowseText(char text) {
  switch (text) {
    case 'q':
      is_over_ = true;
      return;
    case '1':
      return Show({.page = Page::kTasks}, /*is_first=*/true);
    case '2':
      return Show({.page = Page::kResources}, /*is_first=*/true);
    case '3':
      return Show({.page = Page::kTimes}, /*is_first=*/true);
    case '<':
      return NextSort(-1);
    case '>':
      return NextSort(+1);
    case 'r':
      is_reversed_ = !is_reversed_;
      needs_list_ = true;
      return Arrange();
    case '?':
    case 'h':
      mode_ = Mode::kHelp;
      return;
    case '/':
      mode_ = Mode::kTyping;
      typed_ = filter_;
      return;
    default:
      return;
  }
}

void TasksModel::Show(View view, bool is_first) {
  if (is_first) views_.clear();
  views_.push_back(std::move(view));
  Arrange();
}

void TasksModel::Open() {
  if (rows_.empty()) return;
  const JsonValue& row = *rows_[std::min(view().index, rows_.size() - 1)];
  if (view().page == Page::kTasks) {
    Show({.page = Page::kTask, .task = row["id"].number}, /*is_first=*/false);
  } else if (view().page == Page::kResources) {
    Show({.page = Page::kTasks, .resource = row["address"].text}, /*is_first=*/false);
  }
}

// The next column to either side.
void TasksModel::NextSort(int step) {
  if (view().page != Page::kTasks) return;
  const auto count = static_cast<int>(std::size(kColumns));
  sort_ = static_cast<size_t>((static_cast<int>(sort_) + step + count) % count);
  is_reversed_ = false;
  needs_list_ = true;
  Arrange();
}

void TasksModel::Type(TopKey key) {
  if (key.kind == Kind::kEscape) {
    mode_ = Mode::kBrowsing;
  } else if (key.kind == Kind::kEnter) {
    mode_ = Mode::kBrowsing;
    filter_ = typed_;
    needs_list_ = true;
  } else {
    TypeInto(typed_, key);
  }
}

}  // namespace sluice::proxy
