#include "core/runtime/task_list.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <typeinfo>
#include <unordered_map>
#include <utility>

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

using Resources = std::map<uintptr_t, ResourceInfo>;

void NoteWait(const TaskInfo& task, Resources& resources) {
  if (task.state != TaskState::kWaiting || task.resource == 0) return;
  ResourceInfo& resource = resources[task.resource];
  resource.address = task.resource;
  ++resource.waiting;
  if (resource.kind.empty() && !task.waits_for.empty()) resource.kind = task.waits_for.back();
}

void NoteHolders(Resources& resources) {
  const auto now = std::chrono::steady_clock::now();
  for (Holders::Resource& held : Holders::All()) {
    const auto address = reinterpret_cast<uintptr_t>(held.address);
    ResourceInfo& resource = resources[address];
    resource.address = address;
    resource.name = std::move(held.name);
    for (const Holders::Holder& holder : held.holders) {
      resource.holders.push_back(
          {.task = holder.task,
           .count = holder.count,
           .held = std::max<Duration>(now - holder.since, Duration::zero())});
    }
  }
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
  const TaskWatch* const watch = runtime.shared().watch();
  if (watch == nullptr) return std::nullopt;
  const Instant now = watch->Now();
  std::vector<TaskRecord::Copy> copies = watch->Copies(now);
  watch->CopySpans(copies, now);
  TaskList list = {.poll_times = watch->poll_times(),
                   .slow_polls = watch->slow_polls(),
                   .unwatched = watch->unwatched(),
                   .watched = now - watch->began_at()};
  TypeNames names;
  Resources resources;
  list.tasks.reserve(copies.size());
  for (TaskRecord::Copy& copy : copies) {
    for (const std::type_info* type : copy.waits_for) {
      if (type != nullptr) copy.info.waits_for.push_back(names.Of(*type));
    }
    NoteWait(copy.info, resources);
    list.tasks.push_back(std::move(copy.info));
  }
  NoteHolders(resources);
  for (auto& [address, resource] : resources) list.resources.push_back(std::move(resource));
  std::ranges::sort(list.resources, [](const ResourceInfo& a, const ResourceInfo& b) {
    return a.waiting != b.waiting ? a.waiting > b.waiting : a.address < b.address;
  });
  return list;
}

}  // namespace sluice::core
