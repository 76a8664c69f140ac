// SharedLibrary: a library of the system that is loaded when something first needs it, and stays.
//
//     absl::StatusOr<SharedLibrary> library = SharedLibrary::Load(
//         {.file = "libcares.so.2", .package = "libc-ares2", .who_needs = "names need"});
//     if (!library.ok()) return library.status();
//     if (!library->Find("ares_query", query)) return library->LacksFunction();
//
// Threads: any.
#ifndef SLUICE_CORE_BASE_SHARED_LIBRARY_H_
#define SLUICE_CORE_BASE_SHARED_LIBRARY_H_

#include <dlfcn.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {

class SharedLibrary {
 public:
  struct Name {
    const char* file;
    std::string_view package;    // of Debian
    std::string_view who_needs;  // "names need": in messages
  };

  // FAILED_PRECONDITION, with what to install.
  static absl::StatusOr<SharedLibrary> Load(const Name& name) {
    void* const handle = dlopen(name.file, RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return SharedLibrary(name, handle);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): of this thread
    const char* const why = dlerror();
    return absl::FailedPreconditionError(absl::StrCat(
        std::string(name.who_needs), " a library that cannot be loaded: ",
        why == nullptr ? "" : why, " (Debian's package ", std::string(name.package), ")"));
  }

  // Returns false if it has no such function.
  template <typename Function>
  bool Find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    return function != nullptr;
  }

  absl::Status LacksFunction() const {
    return absl::FailedPreconditionError(
        absl::StrCat(name_.file, " lacks a function that ", std::string(name_.who_needs)));
  }

 private:
  SharedLibrary(const Name& name, void* handle) : name_(name), handle_(handle) {}

  Name name_;
  void* handle_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_SHARED_LIBRARY_H_
