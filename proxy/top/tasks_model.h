// TasksModel: what `sluice tasks` knows and what keys do. It asks nothing and draws nothing by
// itself.
//
//   1 TASKS ── Enter ──► TASK: all of one          2 RESOURCES ── Enter ──► TASKS that wait for it
//       ▲                  │                              ▲                      │
//       └─── Escape ───────┘      3 POLL TIMES            └────── Escape ────────┘
//
//             /                  Enter: the filter, or Escape: as before
//   BROWSING ────► TYPING ───────────────────────────────────────────────► BROWSING
//      └── ? ──► HELP ── any key ──► BROWSING
//
// What is chosen stays chosen by its id while rows come and go.
//
// Pure. Checked by: tests/proxy/top/tasks_model_test.cc, tests/e2e/test_tasks.py.
#ifndef SLUICE_PROXY_TOP_TASKS_MODEL_H_
#define SLUICE_PROXY_TOP_TASKS_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/top/columns.h"
#include "proxy/top/screen.h"

namespace sluice::proxy {

class TasksModel {
 public:
  // Of the list of tasks.
  static std::span<const TopColumn> Columns();
  static constexpr size_t kMostTasks = 1000;

  // What is asked for; the answer comes by Take.
  std::string Target() const;
  // `clock`: the time of day.
  void Take(JsonValue answer, core::Instant at, std::string clock);
  // There is no answer; what is shown stays, and says that it is old.
  void TakeTrouble(std::string why) { trouble_ = std::move(why); }

  void SetSize(TopSize size) { size_ = size; }
  void OnKey(TopKey key);
  // Another list is wanted than that which was taken.
  bool needs_list() const { return needs_list_; }
  bool is_over() const { return is_over_; }

  std::vector<TopLine> Draw() const;

 private:
  enum class Mode : uint8_t { kBrowsing, kTyping, kHelp };
  enum class Page : uint8_t { kTasks, kTask, kResources, kTimes };
  struct View {
    Page page = Page::kTasks;
    std::string resource = {};  // tasks that wait for it only; "": all
    int64_t task = 0;           // of kTask
    std::string key = {};       // chosen
    size_t index = 0;
  };

  View& view() { return views_.back(); }
  const View& view() const { return views_.back(); }
  TopRow RowOf(const JsonValue& task) const;
  static std::string KeyOf(const JsonValue& row);
  const JsonValue* FindTask(int64_t id) const;
  void Arrange();
  void SortTasks();
  void Choose(size_t index);
  void Browse(TopKey key);
  void BrowseText(char text);
  void Type(TopKey key);
  void Open();
  void Show(View view, bool is_first);
  void NextSort(int step);
  size_t PageRows() const { return size_.rows > kFrame ? size_.rows - kFrame : 1; }

  // tasks_draw.cc
  static constexpr size_t kFrame = 5;  // lines that are no rows
  TopLine StateLine() const;
  TopLine TotalsLine() const;
  TopLine PathLine() const;
  TopLine LastLine() const;
  void DrawTasks(std::vector<TopLine>& lines) const;
  void DrawTask(std::vector<TopLine>& lines) const;
  void DrawResources(std::vector<TopLine>& lines) const;
  void DrawTimes(std::vector<TopLine>& lines) const;
  std::string HoldersOf(const JsonValue& resource) const;

  std::vector<View> views_{View{}};
  Mode mode_ = Mode::kBrowsing;
  TopSize size_;
  bool needs_list_ = true;
  bool is_over_ = false;
  size_t sort_ = 0;  // a column
  bool is_reversed_ = false;
  std::string filter_;
  std::string typed_;

  JsonValue answer_;
  JsonValue before_;
  core::OptionalInstant at_;
  double seconds_ = 0;                                // between the two answers
  std::map<int64_t, const JsonValue*> tasks_before_;  // into before_
  std::vector<const JsonValue*> rows_;                // of answer_, filtered and sorted
  std::string clock_;
  std::string trouble_;  // "": there is none
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_TASKS_MODEL_H_
