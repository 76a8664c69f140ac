#include "core/runtime/task_list.h"

#include <cxxabi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/runtime/first_few.h"
#include "core/runtime/task_query.h"
#include "core/runtime/task_record.h"
#include "core/runtime/task_watch.h"
#include "core/sync/holders.h"

namespace sluice::core {
namespace {

void Erase(std::string& text, std::string_view part) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

// The name of each type is made once for a list.
class TypeNames {
 public:
  const std::string& Of(const std::type_info& type) {
    const auto [entry, is_new] = names_.try_emplace(&type);
    if (is_new) entry->second = ShortTypeName(type.name());
    return entry->second;
  }

 private:
  std::unordered_map<const std::type_info*, std::string> names_;
};

// How many tasks wait for one thing.
struct Awaited {
  uintptr_t address;
  const std::type_info* kind;  // null: it was read too early
  size_t waiting;
  bool is_told = false;
};

// Sorted by address, each once.
std::vector<Awaited> Counted(std::vector<Awaited> waits) {
  std::ranges::sort(waits, {}, &Awaited::address);
  size_t count = 0;
  for (const Awaited& each : waits) {
    if (count > 0 && waits[count - 1].address == each.address) {
      waits[count - 1].waiting += each.waiting;
      if (waits[count - 1].kind == nullptr) waits[count - 1].kind = each.kind;
    } else {
      waits[count++] = each;
    }
  }
  waits.resize(count);
  return waits;
}

bool HasMoreWaiting(const ResourceInfo& a, const ResourceInfo& b) {
  return a.waiting != b.waiting ? a.waiting > b.waiting : a.address < b.address;
}

ResourceInfo InfoOf(const Holders::Resource& held) {
  const auto now = std::chrono::steady_clock::now();
  ResourceInfo info = {.address = reinterpret_cast<uintptr_t>(held.address), .name = held.name};
  for (const Holders::Holder& holder : held.holders) {
    info.holders.push_back({.task = holder.task,
                            .count = holder.count,
                            .held = std::max<Duration>(now - holder.since, Duration::zero())});
  }
  return info;
}

void AddResources(std::vector<Awaited> awaited, size_t limit, TypeNames& names, TaskList& list) {
  FirstFew<ResourceInfo, decltype(&HasMoreWaiting)> first(limit, &HasMoreWaiting);
  const auto add = [&](ResourceInfo info, Awaited* waits) {
    if (waits != nullptr) {
      waits->is_told = true;
      info.waiting = waits->waiting;
      if (waits->kind != nullptr) info.kind = names.Of(*waits->kind);
    }
    ++list.resources_total;
    first.Add(std::move(info));
  };
  Holders::Place place;
  for (std::vector<Holders::Resource> some; Holders::Next(place, some);) {
    for (const Holders::Resource& held : some) {
      ResourceInfo info = InfoOf(held);
      const auto found = std::ranges::lower_bound(awaited, info.address, {}, &Awaited::address);
      const bool is_awaited = found != awaited.end() && found->address == info.address;
      add(std::move(info), is_awaited ? &*found : nullptr);
    }
  }
  for (Awaited& each : awaited) {
    if (!each.is_told) add({.address = each.address}, &each);
  }
  list.resources = first.Take();
}

void NameHolders(const TaskWatch& watch, TaskList& list) {
  std::map<uint64_t, std::string> names;
  for (const ResourceInfo& resource : list.resources) {
    for (const ResourceInfo::Holder& holder : resource.holders) names[holder.task];
  }
  watch.NameTasks(names);
  for (ResourceInfo& resource : list.resources) {
    for (ResourceInfo::Holder& holder : resource.holders) holder.name = names[holder.task];
  }
}

// With its texts.
TaskInfo Whole(TaskRecord::Copy& copy, TypeNames& names, Instant now) {
  TaskInfo info = std::move(copy.info);
  info.name = copy.name();
  info.file = copy.file;
  info.function = copy.function;
  for (const std::type_info* type : copy.waits_for) {
    if (type != nullptr) info.waits_for.push_back(names.Of(*type));
  }
  info.spans = copy.record->Spans(info.id, now);
  return info;
}

}  // namespace

// Without the namespaces of the runtime; the outermost part of a wait loses its arguments when its
// branches are told beside it, and its `Awaiter`.
std::string ShortTypeName(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? plain.get() : mangled;
  for (const std::string_view part : {"sluice::core::", "sluice::proxy::",
                                      "(anonymous namespace)::", "internal::", "std::__cxx11::"}) {
    Erase(name, part);
  }
  Replace(name, "basic_string<char, std::char_traits<char>, std::allocator<char> >", "string");
  Replace(name, " >", ">");
  for (const std::string_view wait : {"JoinAwaiter<", "JoinAllAwaiter<", "SelectAwaiter<"}) {
    if (name.starts_with(wait)) name = std::string(wait.substr(0, wait.find("Awaiter")));
  }
  for (const std::string_view end : {"Awaiter", "::"}) {
    if (name.size() > end.size() && name.ends_with(end)) name.resize(name.size() - end.size());
  }
  return name;
}

std::optional<TaskList> ListTasks(RuntimeHandle runtime) {
  return ListTasks(runtime, {.limit = SIZE_MAX});
}

std::optional<TaskList> ListTasks(RuntimeHandle runtime, const TaskQuery& query) {
  const TaskWatch* const watch = runtime.shared().watch();
  if (watch == nullptr) return std::nullopt;
  const Instant now = watch->Now();
  TaskList list = {.poll_times = watch->poll_times(),
                   .slow_polls = watch->slow_polls(),
                   .unwatched = watch->unwatched(),
                   .watched = now - watch->began_at()};
  const auto is_before = [&query](const TaskRecord::Copy& a, const TaskRecord::Copy& b) {
    return query.IsBefore(a.info, b.info);
  };
  FirstFew<TaskRecord::Copy, decltype(is_before)> first(query.limit, is_before);
  std::vector<Awaited> waits;
  watch->ForEach([&](const TaskRecord& record) {
    std::optional<TaskRecord::Copy> copy = record.Read(now);
    if (!copy) return;
    if (copy->info.resource != 0) waits.push_back({copy->info.resource, copy->resource_kind, 1});
    if (!query.Fits(copy->name(), copy->file, copy->info.line)) return;
    ++list.tasks_total;
    first.Add(*std::move(copy));
  });
  TypeNames names;
  for (TaskRecord::Copy& copy : first.Take()) list.tasks.push_back(Whole(copy, names, now));
  AddResources(Counted(std::move(waits)), query.limit, names, list);
  NameHolders(*watch, list);
  return list;
}

}  // namespace sluice::core
