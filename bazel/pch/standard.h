// What most of our files include of the standard library and of abseil, for the compiler to read
// once (pch.bzl). Nothing of ours: a change of it would compile everything anew. A file still names
// each header that it uses: `bazel build --define=pch=off //...` compiles all without this one.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
