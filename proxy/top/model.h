// TopModel: what `sluice top` knows and what keys do. It asks nothing and draws nothing by itself.
//
//   listeners ── Enter ──► upstreams ── Enter ──► endpoints ── Enter ──► sessions
//       ▲                                                                    │
//       └──────────────────────────── Escape, back ──────────────────────────┘
//
//             a key that acts                 y
//   BROWSING ─────────────────► ASKING ───────────────► OnKey returns what is to be done; BROWSING
//      │ ▲                        └── any other key ──► BROWSING
//      │ ├── Enter: the filter, or ASKING ◄── TYPING
//      │ └── Escape ◄────────────────────────── │
//      ├── / or w ─────────────────────────────►┘
//      └── ? ──► HELP ── any key ──► BROWSING
//
// What is chosen stays chosen by its name while rows come and go, so that an act meets what it was
// meant for. A figure is never older than the clock at the top right says.
//
// Pure. Checked by: tests/proxy/top/model_test.cc, tests/e2e/test_top.py.
#ifndef SLUICE_PROXY_TOP_MODEL_H_
#define SLUICE_PROXY_TOP_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "proxy/ctl/json.h"
#include "proxy/top/columns.h"
#include "proxy/top/screen.h"

namespace sluice::proxy {

// What is to be asked of the API.
struct TopRequest {
  std::string method;
  std::string target;
  std::string done;  // to say when it has been done
};

class TopModel {
 public:
  // What the list is asked for with; the answers come by Take.
  std::string ListTarget() const;
  // `clock`: the time of day.
  void Take(JsonValue info, JsonValue list, core::Instant at, std::string clock);
  // There is no answer; what is shown stays, and says that it is old.
  void TakeTrouble(std::string why);
  void Say(std::string message, TopLook look);

  void SetSize(TopSize size) { size_ = size; }
  // Returns what is to be done.
  std::optional<TopRequest> OnKey(TopKey key);
  // The list is another one than that which was taken.
  bool needs_list() const { return needs_list_; }
  bool is_over() const { return is_over_; }

  std::vector<TopLine> Draw() const;

  static constexpr size_t kMostSessions = 1000;  // of a list

 private:
  enum class Mode : uint8_t { kBrowsing, kAsking, kTypingFilter, kTypingWeight, kHelp };
  struct View {
    TopList list = TopList::kListeners;
    // Only those; empty: all.
    std::vector<std::string> names = {};  // of upstreams
    std::string listener = {};
    std::string upstream = {};
    std::string endpoint = {};
    std::string client = {};
    // Chosen:
    std::string key = {};
    size_t index = 0;
    // Sorted by this column; none: as the API has them.
    std::optional<size_t> sort = {};
    bool is_reversed = false;
  };
  struct Answer {
    std::optional<JsonValue> list;
    core::OptionalInstant at;
    std::map<std::string, const JsonValue*, std::less<>> by_key;  // into `list`
  };

  View& view() { return views_.back(); }
  const View& view() const { return views_.back(); }
  const JsonValue* chosen() const;
  TopRow RowOf(const JsonValue& row) const;
  void Show(View view);
  void Sort();
  void Choose(size_t index);
  void Browse(TopKey key);
  void BrowseText(char text);
  void Type(TopKey key);
  void Open();
  void OpenSessions();
  void Back();
  void NextSort(int step);
  void AskFor(char act);
  void Ask(std::string question, TopRequest request);
  void Typed();
  size_t PageRows() const { return size_.rows > kFrame ? size_.rows - kFrame : 1; }

  // draw.cc
  static constexpr size_t kFrame = 5;  // lines that are no rows
  TopLine StateLine() const;
  TopLine TotalsLine() const;
  TopLine PathLine() const;
  TopLine LastLine() const;
  void DrawRows(std::vector<TopLine>& lines) const;

  std::vector<View> views_{View{}};
  Mode mode_ = Mode::kBrowsing;
  TopSize size_;
  bool needs_list_ = true;
  bool is_over_ = false;

  std::optional<JsonValue> info_;
  std::optional<JsonValue> info_before_;
  double info_seconds_ = 0;
  core::OptionalInstant info_at_;
  std::string clock_;
  std::string trouble_;  // "": there is none
  Answer now_;
  Answer before_;                       // of the same list
  std::vector<const JsonValue*> rows_;  // of now_, filtered and sorted

  std::string message_;
  TopLook message_look_ = TopLook::kPlain;
  std::string question_;
  TopRequest request_;
  std::string typed_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_TOP_MODEL_H_
