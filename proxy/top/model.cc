#include "proxy/top/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "conf/text/text.h"
#include "proxy/admin/http/target.h"
#include "proxy/top/keys.h"

namespace sluice::proxy {
namespace {

using Kind = TopKey::Kind;

std::string EndpointTarget(const JsonValue& endpoint) {
  return absl::StrCat("/api/v1/endpoints/", PercentEncoded(endpoint["upstream"].text), "/",
                      PercentEncoded(endpoint["name"].text));
}

std::string EndpointName(const JsonValue& endpoint) {
  return conf::Printable(KeyOf(TopList::kEndpoints, endpoint));
}

}  // namespace

std::string TopModel::ListTarget() const {
  std::string target = absl::StrCat("/api/v1/", std::string(Name(view().list)));
  if (view().list != TopList::kSessions) return target;
  const std::string_view order =
      view().sort ? ColumnsOf(TopList::kSessions)[*view().sort].order : "age";
  absl::StrAppend(&target, "?limit=", kMostSessions, "&order=", std::string(order),
                  view().is_reversed ? "&reversed=true" : "");
  const std::pair<std::string_view, const std::string*> filters[] = {{"listener", &view().listener},
                                                                     {"upstream", &view().upstream},
                                                                     {"endpoint", &view().endpoint},
                                                                     {"client", &view().client}};
  for (const auto& [name, value] : filters) {
    if (!value->empty()) {
      absl::StrAppend(&target, "&", std::string(name), "=", PercentEncoded(*value));
    }
  }
  return target;
}

void TopModel::Take(JsonValue info, JsonValue list, core::Instant at, std::string clock) {
  // Another process begins to count again.
  const bool is_same = info_ && (*info_)["pid"].number == info["pid"].number;
  info_seconds_ = is_same ? static_cast<double>((at - *info_at_).count()) / 1e9 : 0;
  info_before_ = is_same ? std::move(info_) : std::nullopt;
  info_ = std::move(info);
  info_at_ = at;
  clock_ = std::move(clock);
  trouble_.clear();
  before_ = needs_list_ || !is_same ? Answer() : std::move(now_);
  now_ = {.list = std::move(list), .at = at, .by_key = {}};
  for (const JsonValue& row : now_.list->items) now_.by_key[KeyOf(view().list, row)] = &row;
  needs_list_ = false;
  Sort();
}

void TopModel::TakeTrouble(std::string why) { trouble_ = std::move(why); }

void TopModel::Say(std::string message, TopLook look) {
  message_ = std::move(message);
  message_look_ = look;
}

TopRow TopModel::RowOf(const JsonValue& row) const {
  const auto before = before_.by_key.find(KeyOf(view().list, row));
  if (before == before_.by_key.end()) return {.now = row};
  return {.now = row,
          .before = before->second,
          .seconds = static_cast<double>((*now_.at - *before_.at).count()) / 1e9};
}

// What was chosen stays so; if it has gone, what has taken its place is.
void TopModel::Sort() {
  rows_.clear();
  if (!now_.list || needs_list_) return;
  for (const JsonValue& row : now_.list->items) {
    const View& wanted = view();
    const bool is_named = wanted.names.empty() ||
                          std::ranges::find(wanted.names, row["name"].text) != wanted.names.end();
    const bool is_of = wanted.list != TopList::kEndpoints || wanted.upstream.empty() ||
                       wanted.upstream == row["upstream"].text;
    if (is_named && is_of) rows_.push_back(&row);
  }
  if (view().sort && view().list != TopList::kSessions) {
    const TopColumn& column = ColumnsOf(view().list)[*view().sort];
    const auto is_before = [&](const JsonValue* a, const JsonValue* b) {
      if (view().is_reversed) std::swap(a, b);
      return ComesBefore(column, RowOf(*a), RowOf(*b)).value_or(a < b);  // else as the API has them
    };
    std::ranges::sort(rows_, is_before);
  }
  const auto found = std::ranges::find(
      rows_, view().key, [this](const JsonValue* row) { return KeyOf(view().list, *row); });
  Choose(found == rows_.end() ? view().index : static_cast<size_t>(found - rows_.begin()));
}

void TopModel::Choose(size_t index) {
  if (rows_.empty()) return;
  view().index = std::min(index, rows_.size() - 1);
  view().key = KeyOf(view().list, *rows_[view().index]);
}

const JsonValue* TopModel::chosen() const {
  return rows_.empty() ? nullptr : rows_[std::min(view().index, rows_.size() - 1)];
}

std::optional<TopRequest> TopModel::OnKey(TopKey key) {
  if (key.kind == Kind::kNone || key.kind == Kind::kResize) return std::nullopt;
  switch (mode_) {
    case Mode::kBrowsing:
      Say("", TopLook::kPlain);
      Browse(key);
      return std::nullopt;
    case Mode::kAsking:
      mode_ = Mode::kBrowsing;
      if (key.kind == Kind::kText && (key.text == 'y' || key.text == 'Y')) {
        return std::move(request_);
      }
      Say("nothing was done", TopLook::kQuiet);
      return std::nullopt;
    case Mode::kTypingFilter:
    case Mode::kTypingWeight:
      Type(key);
      return std::nullopt;
    case Mode::kHelp:
      mode_ = Mode::kBrowsing;
      return std::nullopt;
  }
  return std::nullopt;
}

void TopModel::Browse(TopKey key) {
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
      return Back();
    case Kind::kText:
      return BrowseText(key.text);
    default:
      return;
  }
}

void TopModel::BrowseText(char text) {
  switch (text) {
    case 'q':
      is_over_ = true;
      return;
    case '1':
    case '2':
    case '3':
    case '4':
      views_.clear();
      return Show({.list = static_cast<TopList>(text - '1')});
    case '<':
      return NextSort(-1);
    case '>':
      return NextSort(+1);
    case 'r':
      view().is_reversed = !view().is_reversed;
      needs_list_ = needs_list_ || view().list == TopList::kSessions;
      return Sort();
    case 's':
      return OpenSessions();
    case '?':
    case 'h':
      mode_ = Mode::kHelp;
      return;
    case '/':
      if (view().list != TopList::kSessions) return Say("sessions have a filter", TopLook::kQuiet);
      mode_ = Mode::kTypingFilter;
      typed_ = view().client;
      return;
    default:
      return AskFor(text);
  }
}

void TopModel::Show(View view) {
  views_.push_back(std::move(view));
  needs_list_ = true;
  rows_.clear();
}

void TopModel::Back() {
  if (views_.size() == 1) return;
  views_.pop_back();
  needs_list_ = true;
  rows_.clear();
}

void TopModel::Open() {
  const JsonValue* const row = chosen();
  if (row == nullptr) return;
  switch (view().list) {
    case TopList::kListeners: {
      std::vector<std::string> names = {(*row)["upstream"].text};
      for (const JsonValue& route : (*row)["routes"].items) {
        names.push_back(route["upstream"].text);
      }
      return Show({.list = TopList::kUpstreams, .names = std::move(names)});
    }
    case TopList::kUpstreams:
      return Show({.list = TopList::kEndpoints, .upstream = (*row)["name"].text});
    case TopList::kEndpoints:
      return OpenSessions();
    case TopList::kSessions:
      return;
  }
}

// Those of what is chosen.
void TopModel::OpenSessions() {
  const JsonValue* const row = chosen();
  if (row == nullptr || view().list == TopList::kSessions) return;
  View next = {.list = TopList::kSessions};
  if (view().list == TopList::kListeners) next.listener = (*row)["name"].text;
  if (view().list == TopList::kUpstreams) next.upstream = (*row)["name"].text;
  if (view().list == TopList::kEndpoints) {
    next.upstream = (*row)["upstream"].text;
    next.endpoint = (*row)["name"].text;
  }
  Show(std::move(next));
}

// The next column to either side that can be sorted by; behind the last one: as the API has them.
void TopModel::NextSort(int step) {
  const std::span<const TopColumn> columns = ColumnsOf(view().list);
  const auto count = static_cast<int>(columns.size()) + 1;
  int at = view().sort ? static_cast<int>(*view().sort) : count - 1;
  do {
    at = (at + step + count) % count;
  } while (at < count - 1 && !IsSortable(view().list, columns[static_cast<size_t>(at)]));
  view().sort = at == count - 1 ? std::nullopt : std::optional(static_cast<size_t>(at));
  view().is_reversed = false;
  if (view().list == TopList::kSessions) needs_list_ = true;
  Sort();
}

void TopModel::AskFor(char act) {
  const JsonValue* const row = chosen();
  if (act == 'R') {
    return Ask("Reload the file? It is put in force as a whole, or not at all.",
               {"POST", "/api/v1/reload", "the file is in force"});
  }
  if (act == 'x' && view().list == TopList::kSessions && row != nullptr) {
    const std::string id = (*row)["id"].Line();
    return Ask(absl::StrCat("Kill session ", id, " of ", conf::Printable((*row)["client"].text),
                            "? Both sides are reset."),
               {"DELETE", absl::StrCat("/api/v1/sessions/", id),
                absl::StrCat("session ", id, " was killed")});
  }
  constexpr std::string_view kOnEndpoints = "dmaw";
  if (act == 'x' || kOnEndpoints.find(act) != std::string_view::npos) {
    if (view().list != TopList::kEndpoints || row == nullptr || act == 'x') {
      return Say(act == 'x' ? "x kills a session: Enter leads to them" : "that is for an endpoint",
                 TopLook::kQuiet);
    }
    const std::string name = EndpointName(*row);
    const std::string sessions = (*row)["sessions_active"].Line();
    if (act == 'd') {
      return Ask(absl::StrCat("Drain ", name, "? No new sessions; its ", sessions, " go on."),
                 {"POST", EndpointTarget(*row) + "/drain", name + " drains"});
    }
    if (act == 'm') {
      return Ask(absl::StrCat("Maintenance of ", name, "? Its ", sessions,
                              " sessions end as on_removed says."),
                 {"POST", EndpointTarget(*row) + "/maintenance", name + " is in maintenance"});
    }
    if (act == 'a') {
      return Ask(absl::StrCat("Put ", name, " back? It gets new sessions again."),
                 {"POST", EndpointTarget(*row) + "/ready", name + " is ready"});
    }
    mode_ = Mode::kTypingWeight;
    typed_ = "";
  }
}

void TopModel::Ask(std::string question, TopRequest request) {
  question_ = std::move(question);
  request_ = std::move(request);
  mode_ = Mode::kAsking;
}

void TopModel::Type(TopKey key) {
  if (key.kind == Kind::kEscape) {
    mode_ = Mode::kBrowsing;
  } else if (key.kind == Kind::kEnter) {
    Typed();
  } else {
    TypeInto(typed_, key);
  }
}

void TopModel::Typed() {
  const bool is_filter = mode_ == Mode::kTypingFilter;
  mode_ = Mode::kBrowsing;
  if (is_filter) {
    view().client = typed_;
    needs_list_ = true;
    return Sort();
  }
  const JsonValue* const row = chosen();
  uint32_t weight = 0;
  if (row == nullptr) return;
  if (!absl::SimpleAtoi(typed_, &weight) || weight > 256) {
    return Say("a weight is a number from 0 to 256", TopLook::kBad);
  }
  const std::string name = EndpointName(*row);
  Ask(absl::StrCat("Weight ", weight, " for ", name, "?", weight == 0 ? " It drains then." : ""),
      {"PUT", absl::StrCat(EndpointTarget(*row), "/weight?weight=", weight),
       absl::StrCat(name, " has the weight ", weight)});
}

}  // namespace sluice::proxy
